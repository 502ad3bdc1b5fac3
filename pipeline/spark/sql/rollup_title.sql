SELECT content_id, sum(sign) AS viewers
FROM user_title
GROUP BY content_id
