"""What customers earn the house after what they cost."""


def columns(features):
    """(name, kind) of the columns."""
    has_margin, has_cost = (features.maps("transactions", column) for column in ("margin", "cost"))
    if not (has_margin or has_cost):
        return []
    listed = [("margin_share", "quotient")] if has_margin else []
    listed += [("cost_to_serve", "money")] if has_cost else []
    return listed + [("returns_cost", "money"), ("contribution", "money"), ("contribution_share", "quotient")]


def build(connection, features):
    """Creates the table `family_profit` from `family_purchase`."""
    connection.execute(
        f"""
    CREATE OR REPLACE TEMP TABLE family_profit AS
    WITH costs AS (
        SELECT customer_id, sum(cost) AS cost_to_serve,
               coalesce(sum(cost) FILTER (refund), 0) + coalesce(sum(abs(margin)) FILTER (refund), 0) AS of_refunds
        FROM entries GROUP BY customer_id),
    rescinded AS (
        SELECT customer_id, coalesce(sum(abs(margin)), 0) AS lost
        FROM purchases WHERE reversed_by = 'rescinded' GROUP BY customer_id),
    summed AS (
        SELECT customer_id, gross_margin, net_revenue, cost_to_serve,
               coalesce(of_refunds, 0) + coalesce(lost, 0) AS returns_cost,
               {"coalesce(gross_margin, 0)" if features.builds_gross_margin else "0"}
                   - coalesce(cost_to_serve, 0) AS contribution
        FROM family_purchase LEFT JOIN costs USING (customer_id) LEFT JOIN rescinded USING (customer_id))
    SELECT customer_id, quotient(gross_margin, net_revenue) AS margin_share, cost_to_serve, returns_cost, contribution,
           quotient(contribution, net_revenue) AS contribution_share
    FROM summed
        """
    )
