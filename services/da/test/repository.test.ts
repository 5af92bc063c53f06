import { describeOnPostgres } from '@zerog/adapters/sql/test-database'
import { memoryDisperserRepository } from '../src/adapters/sql/memory-repository.ts'
import { sqlDisperserRepository } from '../src/adapters/sql/repository.ts'
import { repositorySuite } from './repository-suite.ts'

repositorySuite('memory', async () => memoryDisperserRepository())

describeOnPostgres('da', (empty) => {
  repositorySuite('PostgreSQL', async () => sqlDisperserRepository(await empty()))
})
