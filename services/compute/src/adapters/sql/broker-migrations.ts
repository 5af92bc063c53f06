import type { Migration } from '@zerog/ports'

export const BROKER_SCHEMA = 'compute_broker'

/** Times are milliseconds since the Unix epoch; amounts numeric in wei; several providers share the tables. */
export const BROKER_MIGRATIONS: readonly Migration[] = [
  {
    number: 1,
    name: 'receipts, batches and carries',
    sql: `
      CREATE TABLE compute_broker.leaders (
        provider bytea PRIMARY KEY,
        token int8 NOT NULL
      );
      CREATE TABLE compute_broker.heights (
        provider bytea PRIMARY KEY,
        height int8 NOT NULL
      );
      CREATE TABLE compute_broker.batches (
        batch_id int8 GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        provider bytea NOT NULL,
        state text NOT NULL,
        root bytea NOT NULL,
        blob bytea NOT NULL,
        created_at_ms int8 NOT NULL,
        publication text,
        anchor_raw bytea,
        anchor_hash bytea,
        anchor_nonce int8,
        settle_raw bytea,
        settle_hash bytea,
        settle_nonce int8
      );
      -- One at a time: whoever settles finishes it first.
      CREATE UNIQUE INDEX batches_open ON compute_broker.batches (provider) WHERE state <> 'settled';
      CREATE INDEX batches_by_anchor ON compute_broker.batches (anchor_hash);
      CREATE INDEX batches_by_settle ON compute_broker.batches (settle_hash);
      CREATE TABLE compute_broker.batch_users (
        batch_id int8 NOT NULL REFERENCES compute_broker.batches,
        user_address bytea NOT NULL,
        requests_hash bytea NOT NULL,
        root bytea NOT NULL,
        sum numeric(39) NOT NULL,
        receipt_count int4 NOT NULL,
        carry_hash bytea,
        carry_amount numeric(39),
        nonce numeric(78) NOT NULL,
        status int4,
        unpaid numeric(39),
        PRIMARY KEY (batch_id, user_address)
      );
      CREATE INDEX batch_users_unsettled ON compute_broker.batch_users (user_address) WHERE status IS NULL;
      CREATE TABLE compute_broker.carries (
        provider bytea NOT NULL,
        user_address bytea NOT NULL,
        requests_hash bytea NOT NULL,
        amount numeric(39) NOT NULL CHECK (amount > 0),
        PRIMARY KEY (provider, user_address)
      );
      CREATE TABLE compute_broker.receipts (
        id text NOT NULL,
        kind text NOT NULL,
        provider bytea NOT NULL,
        user_address bytea NOT NULL,
        model text NOT NULL,
        receipt bytea NOT NULL,
        receipt_hash bytea NOT NULL,
        fee numeric(39) NOT NULL,
        nonce int8 NOT NULL,
        finished_at_ms int8 NOT NULL,
        signature bytea NOT NULL,
        text_signature bytea NOT NULL,
        salt bytea NOT NULL,
        params text NOT NULL,
        acknowledgement text NOT NULL,
        deadline_ms int8 NOT NULL,
        state text NOT NULL,
        batch_id int8 REFERENCES compute_broker.batches,
        leaf_index int4,
        PRIMARY KEY (id, kind)
      );
      CREATE INDEX receipts_pending ON compute_broker.receipts (provider, deadline_ms) WHERE state = 'pending';
      CREATE INDEX receipts_unsettled ON compute_broker.receipts (provider, user_address, nonce) WHERE state IN ('pending', 'billable');
      CREATE INDEX receipts_void ON compute_broker.receipts (provider, user_address, finished_at_ms) WHERE state = 'void';
      CREATE INDEX receipts_by_batch ON compute_broker.receipts (batch_id, user_address, leaf_index) WHERE batch_id IS NOT NULL;
    `,
  },
  {
    number: 2,
    name: "0G's signatures are made when they are asked for",
    // Kept until no broker of the release before writes it.
    sql: 'ALTER TABLE compute_broker.receipts ALTER COLUMN text_signature DROP NOT NULL',
  },
  {
    number: 3,
    name: 'receipts arrive in a journal',
    // As JSON of broker-journal.ts, and only until the next change of receipts moves them. The number keeps the index growing at its end.
    sql: `
      CREATE TABLE compute_broker.receipt_journal (
        provider bytea NOT NULL,
        number int8 GENERATED ALWAYS AS IDENTITY,
        entry text NOT NULL,
        PRIMARY KEY (provider, number)
      );
    `,
  },
]
