import type { Migration } from '@zerog/ports'

export const SCHEMA = 'storage'

/** Times are milliseconds since the Unix epoch; masks are 64 segment bits in a signed int8. */
export const MIGRATIONS: readonly Migration[] = [
  {
    number: 1,
    name: 'files, submissions and their replicas',
    sql: `
      CREATE TABLE storage.checkpoints (
        name text PRIMARY KEY,
        height int8 NOT NULL,
        hash text NOT NULL
      );
      CREATE TABLE storage.submissions (
        tx_seq int8 PRIMARY KEY,
        root bytea NOT NULL,
        size_bytes int8 NOT NULL,
        start_entry int8 NOT NULL,
        nodes bytea NOT NULL,
        tags bytea NOT NULL,
        submitter bytea NOT NULL,
        transaction_hash bytea NOT NULL,
        transaction_from bytea NOT NULL,
        height int8 NOT NULL
      );
      CREATE INDEX submissions_by_root ON storage.submissions (root, tx_seq);
      CREATE INDEX submissions_by_start ON storage.submissions (start_entry, tx_seq);
      CREATE TABLE storage.files (
        file_id int8 GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        root bytea NOT NULL,
        size_bytes int8 NOT NULL,
        expires_at_ms int8,
        finalized_at_ms int8,
        UNIQUE (root, size_bytes)
      );
      CREATE INDEX files_by_expiry ON storage.files (expires_at_ms) WHERE expires_at_ms IS NOT NULL;
      CREATE INDEX files_unfinished ON storage.files (file_id) WHERE expires_at_ms IS NULL AND finalized_at_ms IS NULL;
      CREATE TABLE storage.ranges (
        file_id int8 NOT NULL REFERENCES storage.files ON DELETE CASCADE,
        range_index int4 NOT NULL,
        quorum int4 NOT NULL,
        PRIMARY KEY (file_id, range_index)
      );
      CREATE TABLE storage.holdings (
        file_id int8 NOT NULL,
        range_index int4 NOT NULL,
        node_id bytea NOT NULL,
        stored int8 NOT NULL DEFAULT 0,
        wanted int8 NOT NULL,
        complete boolean GENERATED ALWAYS AS (stored = wanted) STORED,
        receipt_signature bytea,
        receipt_issued_at_ms int8,
        PRIMARY KEY (file_id, range_index, node_id),
        FOREIGN KEY (file_id, range_index) REFERENCES storage.ranges ON DELETE CASCADE
      );
      CREATE INDEX holdings_incomplete ON storage.holdings (file_id) WHERE NOT complete;
      CREATE INDEX holdings_by_node ON storage.holdings (node_id);
      CREATE TABLE storage.deletions (
        file_id int8 PRIMARY KEY,
        root bytea NOT NULL,
        size_bytes int8 NOT NULL
      );
      CREATE INDEX deletions_by_key ON storage.deletions (root, size_bytes);
      CREATE TABLE storage.deletion_nodes (
        file_id int8 NOT NULL REFERENCES storage.deletions ON DELETE CASCADE,
        node_id bytea NOT NULL,
        PRIMARY KEY (file_id, node_id)
      );
      CREATE TABLE storage.outbox (
        position int8 GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        id text NOT NULL UNIQUE,
        subject text NOT NULL,
        data bytea NOT NULL
      );
    `,
  },
]
