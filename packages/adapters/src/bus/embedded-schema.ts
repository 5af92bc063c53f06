import type { Migration } from '@zerog/ports'

export const BUS_SCHEMA = 'zerog_bus'

export const BUS_MIGRATIONS: readonly Migration[] = [
  {
    number: 1,
    name: 'bus',
    sql: `
      CREATE TABLE message (
        seq bigserial PRIMARY KEY,
        -- Unique while the row lives, which is the deduplication window at least.
        id text NOT NULL UNIQUE,
        subject text NOT NULL,
        data bytea NOT NULL,
        headers jsonb NOT NULL,
        published_at timestamptz NOT NULL DEFAULT clock_timestamp()
      );
      CREATE TABLE consumer (
        name text PRIMARY KEY,
        filter text NOT NULL,
        created_at timestamptz NOT NULL DEFAULT clock_timestamp()
      );
      -- What a consumer has not acknowledged yet. The count of deliveries fences late acknowledgements.
      CREATE TABLE delivery (
        consumer text NOT NULL REFERENCES consumer ON DELETE CASCADE,
        seq bigint NOT NULL REFERENCES message ON DELETE CASCADE,
        deliveries int NOT NULL DEFAULT 0,
        not_before timestamptz NOT NULL DEFAULT clock_timestamp(),
        parked_at timestamptz,
        PRIMARY KEY (consumer, seq)
      );
      CREATE INDEX delivery_waiting ON delivery (consumer, seq) WHERE parked_at IS NULL;
      CREATE INDEX delivery_by_message ON delivery (seq);`,
  },
]

/** One statement, so one commit: the messages that are new, and a delivery for every consumer that they concern. */
export const PUBLISH = `
  WITH input AS (
    SELECT * FROM unnest($1::text[], $2::text[], $3::bytea[], $4::text[]) WITH ORDINALITY AS t(id, subject, data, headers, position)
  ), stored AS (
    INSERT INTO ${BUS_SCHEMA}.message (id, subject, data, headers)
    SELECT id, subject, data, headers::jsonb FROM input ORDER BY position
    ON CONFLICT (id) DO NOTHING RETURNING seq, subject
  ), wanted AS (
    INSERT INTO ${BUS_SCHEMA}.delivery (consumer, seq)
    SELECT name, seq FROM stored JOIN ${BUS_SCHEMA}.consumer
      ON filter = subject OR (right(filter, 2) = '.>' AND starts_with(subject, left(filter, -1)))
    RETURNING consumer
  )
  SELECT pg_notify('${BUS_SCHEMA}', consumer) FROM (SELECT DISTINCT consumer FROM wanted) AS woken`

/** Takes the next deliveries of a consumer for `ackWaitMs`. Others skip them until then. */
export const CLAIM = `
  WITH next AS (
    SELECT seq FROM ${BUS_SCHEMA}.delivery
    WHERE consumer = $1 AND parked_at IS NULL AND not_before <= clock_timestamp()
    ORDER BY seq LIMIT $2 FOR UPDATE SKIP LOCKED
  ), claimed AS (
    UPDATE ${BUS_SCHEMA}.delivery AS d SET deliveries = d.deliveries + 1, not_before = clock_timestamp() + $3 * interval '1 millisecond'
    FROM next WHERE d.consumer = $1 AND d.seq = next.seq RETURNING d.seq, d.deliveries
  )
  SELECT m.seq, m.id, m.subject, m.data, m.headers, c.deliveries
  FROM claimed c JOIN ${BUS_SCHEMA}.message m USING (seq) ORDER BY m.seq`

export const ACKNOWLEDGE = `DELETE FROM ${BUS_SCHEMA}.delivery WHERE consumer = $1 AND seq = $2 AND deliveries = $3`

export const REST = `
  UPDATE ${BUS_SCHEMA}.delivery SET not_before = clock_timestamp() + $4 * interval '1 millisecond'
  WHERE consumer = $1 AND seq = $2 AND deliveries = $3`

export const PARK = `UPDATE ${BUS_SCHEMA}.delivery SET parked_at = clock_timestamp() WHERE consumer = $1 AND seq = $2 AND deliveries = $3`

export const REGISTER = `
  INSERT INTO ${BUS_SCHEMA}.consumer AS known (name, filter) VALUES ($1, $2)
  ON CONFLICT (name) DO UPDATE SET filter = known.filter RETURNING filter`

export const PARKED = `SELECT count(*) AS count FROM ${BUS_SCHEMA}.delivery WHERE consumer = $1 AND parked_at IS NOT NULL`

/** When the next resting delivery of a consumer becomes due, in milliseconds from now. */
export const NEXT_DUE = `
  SELECT (extract(epoch FROM min(not_before) - clock_timestamp()) * 1000)::float8 AS ms
  FROM ${BUS_SCHEMA}.delivery WHERE consumer = $1 AND parked_at IS NULL`

/** Parked deliveries are kept for a week; messages go once they are acknowledged by all and older than the deduplication window. */
export const FORGET = [
  `DELETE FROM ${BUS_SCHEMA}.delivery WHERE parked_at < clock_timestamp() - interval '7 days'`,
  `DELETE FROM ${BUS_SCHEMA}.message WHERE seq IN (
     SELECT seq FROM ${BUS_SCHEMA}.message AS m
     WHERE published_at < clock_timestamp() - $1 * interval '1 millisecond'
       AND NOT EXISTS (SELECT 1 FROM ${BUS_SCHEMA}.delivery AS d WHERE d.seq = m.seq)
     ORDER BY seq LIMIT 10000 FOR UPDATE SKIP LOCKED)`,
]
