// Prepare MongoDB for the pipeline: the user MONGO_USER, who may read and write the database MONGO_DB and change
// its collections' validators, and nothing else. Run it as often as you like: the password follows MONGO_PASSWORD.
//
// The container's /docker-entrypoint-initdb.d runs it by itself; an administrator runs it as
//   MONGO_USER=pipeline MONGO_PASSWORD=… mongosh "mongodb://admin@HOST/admin" init-mongo.js
// The user is of the database MONGO_DB, so the pipeline's MONGO_AUTH_SOURCE must name that.

const name = process.env.MONGO_USER || "pipeline";
const file = process.env.MONGO_PASSWORD_FILE;
const password = file ? require("fs").readFileSync(file, "utf8").trimEnd() : process.env.MONGO_PASSWORD;
const database = db.getSiblingDB(process.env.MONGO_DB || "video_streaming");
if (!password) {
  throw new Error("neither MONGO_PASSWORD nor MONGO_PASSWORD_FILE is set");
}
const rights = {
  pwd: password,
  roles: [
    { role: "readWrite", db: database.getName() },
    { role: "dbAdmin", db: database.getName() },
  ],
};
if (database.getUser(name)) {
  database.updateUser(name, rights);
} else {
  database.createUser({ user: name, ...rights });
}
print(`MongoDB is prepared: database ${database.getName()}, user ${name}`);
