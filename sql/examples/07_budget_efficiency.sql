-- question: Which productions earn their budget in hours watched?
-- shows: Budget of each hour watched, by type and by fifths of budget from small to large.
WITH ranked AS (
    SELECT
        type, production_budget, watch_hours, sessions,
        ntile(5) OVER (PARTITION BY type ORDER BY production_budget, content_id) AS budget_fifth
    FROM trusted.content_summary
    WHERE production_budget IS NOT NULL AND NOT removed
)

SELECT
    type, budget_fifth,
    count(*) AS titles,
    min(production_budget) AS smallest_budget,
    max(production_budget) AS largest_budget,
    sum(watch_hours) AS watch_hours,
    round(sum(production_budget) / nullif(sum(watch_hours), 0), 2) AS budget_per_watch_hour
FROM ranked
GROUP BY type, budget_fifth
ORDER BY type, budget_fifth;
