-- Which titles bring the most viewing for their money?
-- Read: hours watched for each thousand of the production budget, in the catalogue's currency. Titles without a
-- budget are left out.
SELECT
    title,
    type,
    production_budget,
    watch_hours,
    unique_viewers,
    round(1000 * watch_hours / production_budget, 4) AS hours_per_thousand
FROM trusted.content_summary
WHERE production_budget > 0 AND NOT removed
ORDER BY hours_per_thousand DESC, content_id
LIMIT 20;
