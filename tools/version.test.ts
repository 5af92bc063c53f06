import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from '@jest/globals'
import { deviations, PLACES, releaseVersion, withVersion } from './version.ts'

test('packages, charts, image and compose file say one version', () => {
  expect(deviations(releaseVersion())).toEqual([])
})

test('every place is found: with another version all of them are named', () => {
  const wrong = deviations('9.8.7')
  expect(wrong.filter((line) => line.endsWith('no version'))).toEqual([])
  for (const file of [
    'package.json',
    'services/da/package.json',
    'helm/zerog/Chart.yaml',
    'deploy/Dockerfile',
    'deploy/compose.yaml',
  ])
    expect(wrong).toContain(`${file}: ${releaseVersion()}`)
  expect(wrong.length).toBeGreaterThan(50)
})

test('a new version takes the place of the old one and of nothing else', () => {
  const chart = PLACES.find(({ files }) => files.startsWith('helm/{'))
  const text = 'version: 0.1.0\nappVersion: 0.1.0\nkubeVersion: ">=1.30.0-0"\n  - { name: da, version: 0.1.0, repository: x }\n'
  expect(withVersion(text, chart?.before ?? /$/, '0.2.0-rc.1').text).toBe(
    'version: 0.2.0-rc.1\nappVersion: 0.2.0-rc.1\nkubeVersion: ">=1.30.0-0"\n  - { name: da, version: 0.2.0-rc.1, repository: x }\n',
  )
})

test('the release that is being made has its section for users and for operators', () => {
  for (const file of ['CHANGELOG.md', 'UPGRADING.md'])
    expect(readFileSync(join(import.meta.dirname, '..', file), 'utf8')).toContain(`\n## ${releaseVersion()}\n`)
})
