# Airflow with the pipeline's requirements: one image for Airflow's components and for luigid. It has neither the
# embedded servers nor the pipeline's code, which docker-compose.yml mounts.
#
# The slim image brings Airflow alone; everything else comes from the lock file that the tests run with. Its tag must
# be the version of apache-airflow in requirements.txt.
FROM apache/airflow:slim-3.3.2-python3.12

USER root
# Group 0 may write: AIRFLOW_UID may be any user, and new volumes take over who owns a folder of the image.
RUN install --directory --owner=airflow --group=0 --mode=0775 /opt/pipeline /var/lib/luigid

USER airflow
COPY requirements.txt /requirements.txt
RUN pip install --no-cache-dir --require-hashes --only-binary :all: --requirement /requirements.txt

WORKDIR /opt/pipeline
