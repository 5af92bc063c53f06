import type { Migration } from '@zerog/ports'

export const SCHEMA = 'da'

/** Times are milliseconds since the Unix epoch; expiry is in seconds. A blob's state follows from its parts' bundles and is not stored. */
export const MIGRATIONS: readonly Migration[] = [
  {
    number: 1,
    name: 'blobs, bundles, windows, transactions',
    sql: `
      CREATE TABLE da.fences (
        name text PRIMARY KEY,
        token int8 NOT NULL
      );
      CREATE TABLE da.blobs (
        id text PRIMARY KEY,
        owner int4 NOT NULL,
        size_bytes int8 NOT NULL,
        sha256 bytea NOT NULL,
        account bytea NOT NULL,
        retention_seconds int4 NOT NULL,
        idempotency_key text,
        accepted_at_ms int8 NOT NULL,
        failure_reason text,
        failure_message text,
        bytes_kept boolean NOT NULL DEFAULT true
      );
      CREATE UNIQUE INDEX blobs_by_key ON da.blobs (account, idempotency_key) WHERE idempotency_key IS NOT NULL;
      CREATE INDEX blobs_kept ON da.blobs (owner, accepted_at_ms) WHERE bytes_kept;
      CREATE TABLE da.windows (
        id text PRIMARY KEY,
        epoch int8 NOT NULL,
        committee int8 NOT NULL,
        root bytea NOT NULL,
        certificate bytea NOT NULL,
        certified_at_ms int8 NOT NULL,
        closed boolean NOT NULL DEFAULT false,
        nonce int8,
        transaction_hash bytea,
        attempts int4 NOT NULL DEFAULT 0,
        retry_at_ms int8 NOT NULL DEFAULT 0,
        final boolean NOT NULL DEFAULT false
      );
      CREATE INDEX windows_by_root ON da.windows (root);
      CREATE INDEX windows_open ON da.windows (certified_at_ms) WHERE NOT final;
      CREATE TABLE da.bundles (
        id text PRIMARY KEY,
        owner int4 NOT NULL,
        epoch int8 NOT NULL,
        committee int8 NOT NULL,
        expiry int8 NOT NULL,
        payload_bytes int8 NOT NULL,
        created_at_ms int8 NOT NULL,
        commitment bytea,
        k int4,
        n int4,
        row_bytes int4,
        stored int4[] NOT NULL DEFAULT '{}',
        window_id text REFERENCES da.windows,
        window_index int4,
        finalized_at_ms int8,
        transaction_hash bytea,
        failed boolean NOT NULL DEFAULT false
      );
      CREATE INDEX bundles_open ON da.bundles (owner, created_at_ms) WHERE finalized_at_ms IS NULL AND NOT failed;
      CREATE INDEX bundles_by_commitment ON da.bundles (commitment, epoch);
      CREATE INDEX bundles_by_window ON da.bundles (window_id);
      CREATE TABLE da.parts (
        blob_id text NOT NULL REFERENCES da.blobs,
        part int4 NOT NULL,
        length_bytes int8 NOT NULL,
        bundle_id text REFERENCES da.bundles,
        bundle_index int4,
        PRIMARY KEY (blob_id, part)
      );
      CREATE INDEX parts_by_bundle ON da.parts (bundle_id, bundle_index);
      CREATE INDEX parts_queued ON da.parts (blob_id) WHERE bundle_id IS NULL;
      CREATE TABLE da.transactions (
        nonce int8 PRIMARY KEY,
        raw bytea NOT NULL,
        hash bytea NOT NULL,
        sent_at_ms int8 NOT NULL,
        fee_per_gas text NOT NULL,
        settled boolean NOT NULL DEFAULT false,
        gas_used int8
      );
      CREATE TABLE da.checkpoints (
        name text PRIMARY KEY,
        next_height int8 NOT NULL
      );
    `,
  },
]
