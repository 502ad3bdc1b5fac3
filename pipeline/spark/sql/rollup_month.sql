SELECT month, count(*) AS titles FROM rollup_title_month GROUP BY month
