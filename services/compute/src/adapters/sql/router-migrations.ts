import type { Migration } from '@zerog/ports'

export const ROUTER_SCHEMA = 'compute_router'

/** Times are milliseconds since the Unix epoch; amounts numeric in wei. Keys of customers are kept as digests only. */
export const ROUTER_MIGRATIONS: readonly Migration[] = [
  {
    number: 1,
    name: 'keys, grants, spends and kept answers',
    sql: `
      CREATE TABLE compute_router.keys (
        key_id text PRIMARY KEY,
        digest bytea NOT NULL UNIQUE,
        name text NOT NULL,
        shown text NOT NULL,
        budget numeric(39),
        spent numeric(39) NOT NULL DEFAULT 0,
        requests_per_minute int8,
        tokens_per_minute int8,
        revoked boolean NOT NULL DEFAULT false,
        created_at_ms int8 NOT NULL
      );
      CREATE TABLE compute_router.grants (
        key_id text NOT NULL REFERENCES compute_router.keys,
        holder text NOT NULL,
        amount numeric(39) NOT NULL CHECK (amount >= 0),
        PRIMARY KEY (key_id, holder)
      );
      CREATE TABLE compute_router.spends (
        provider bytea NOT NULL,
        answer_id text NOT NULL,
        key_id text NOT NULL,
        model text NOT NULL,
        state text NOT NULL CHECK (state IN ('open', 'signed', 'acked', 'void')),
        cost numeric(39) NOT NULL,
        prompt_tokens int8 NOT NULL,
        completion_tokens int8 NOT NULL,
        receipt bytea NOT NULL,
        at_ms int8 NOT NULL,
        PRIMARY KEY (answer_id, provider)
      );
      CREATE INDEX spends_of_key ON compute_router.spends (key_id, at_ms DESC);
      CREATE INDEX spends_unfinished ON compute_router.spends (at_ms) WHERE state IN ('open', 'signed');
      CREATE TABLE compute_router.answers (
        key_id text NOT NULL,
        idempotency_key text NOT NULL,
        fingerprint bytea NOT NULL,
        holder text NOT NULL,
        expires_at_ms int8 NOT NULL,
        status int4,
        headers text,
        body bytea,
        PRIMARY KEY (key_id, idempotency_key)
      );
      CREATE INDEX answers_expiry ON compute_router.answers (expires_at_ms);
    `,
  },
]
