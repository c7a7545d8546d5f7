"""Contacts with customers."""


def columns(features):
    """(name, kind) of the columns."""
    if not features.has("interactions"):
        return []
    listed = [("interactions", "whole"), ("days_since_last_interaction", "whole")]
    if features.maps("interactions", "responded"):
        listed += [("response_rate", "quotient"), ("events_invited", "whole"), ("events_attended", "whole")]
    if features.maps("interactions", "feedback_score"):
        listed.append(("mean_feedback", "sum"))
    listed.append(("engagement", "sum"))
    listed += [(f"interactions_{days}d", "whole") for days in features.windows]
    return listed + [(f"interactions_{kind}", "whole") for kind in sorted(features.kind_weights)]


def build(connection, features):
    """Creates the table `family_interaction`."""
    counts = [(f"interactions_{days}d", features.window(days)) for days in features.windows]
    counts += [(f"interactions_{kind}", f"kind = '{kind}'") for kind in features.kind_weights]
    counted = "".join(f", count(*) FILTER ({condition}) AS {name}" for name, condition in counts)
    shown = "".join(f", coalesce({name}, 0) AS {name}" for name, _ in counts)
    branches = " ".join(f"WHEN '{kind}' THEN {weight}::DOUBLE" for kind, weight in features.kind_weights.items())
    weight = f"CASE kind {branches} ELSE 0 END" if branches else "0"
    age = f"CAST({features.today} - day AS DOUBLE)"
    connection.execute(
        f"""
    CREATE OR REPLACE TEMP TABLE family_interaction AS
    WITH summed AS (
        SELECT customer_id, count(*) AS interactions, {features.today} - max(day) AS days_since_last_interaction,
               quotient(count(*) FILTER (responded), count(responded)) AS response_rate,
               count(*) FILTER (kind = 'event') AS events_invited,
               count(*) FILTER (kind = 'event' AND responded) AS events_attended,
               list_sum(list(feedback_score ORDER BY feedback_score) FILTER (feedback_score IS NOT NULL))
                   / count(feedback_score) AS mean_feedback,
               sum({weight} * pow(2, -{age} / {features.half_life}::DOUBLE)) AS engagement {counted}
        FROM used_interactions GROUP BY customer_id)
    SELECT customer_id, coalesce(interactions, 0) AS interactions, days_since_last_interaction, response_rate,
           coalesce(events_invited, 0) AS events_invited, coalesce(events_attended, 0) AS events_attended,
           mean_feedback, coalesce(engagement, 0) AS engagement {shown}
    FROM everyone LEFT JOIN summed USING (customer_id)
        """
    )
