import type { Sql } from '@zerog/ports'
import { fromHex, type Hex } from '@zerog/primitives'
import type { BrokerRepository } from '../../app/broker/repository.ts'
import { batchQueries } from './broker-batch-queries.ts'
import { BROKER_MIGRATIONS, BROKER_SCHEMA } from './broker-migrations.ts'
import { receiptQueries } from './broker-receipt-queries.ts'

/** The repository of one provider in PostgreSQL; migrates first. */
export async function sqlBrokerRepository(sql: Sql, provider: Hex): Promise<BrokerRepository> {
  await sql.migrate({ schema: BROKER_SCHEMA, migrations: BROKER_MIGRATIONS })
  const address = fromHex(provider, 20)
  return { ...receiptQueries(sql, address), ...batchQueries(sql, address) }
}
