import { describeOnPostgres } from '@zerog/adapters/sql/test-database'
import { memoryRepository } from '../src/adapters/sql/memory-repository.ts'
import { sqlRepository } from '../src/adapters/sql/repository.ts'
import { repositorySuite } from './repository-suite.ts'

repositorySuite('memory', async () => memoryRepository())

describeOnPostgres('storage', (empty) => {
  repositorySuite('PostgreSQL', async () => sqlRepository(await empty()))
})
