import { sdk } from './sdk'

export const setDependencies = sdk.setupDependencies(async () => ({
  lnd: {
    kind: 'running',
    versionRange: '>=0.18.0-beta:0',
    healthChecks: ['lnd'],
  },
}))
