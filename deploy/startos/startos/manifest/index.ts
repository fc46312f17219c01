import { setupManifest } from '@start9labs/start-sdk'

export const manifest = setupManifest({
  id: 'sweetspot',
  title: 'sweetspot',
  license: 'MIT',
  packageRepo: 'https://github.com/OWNER/sweetspot',
  upstreamRepo: 'https://github.com/OWNER/sweetspot',
  marketingUrl: 'https://github.com/OWNER/sweetspot',
  donationUrl: null,
  description: {
    short: 'Sets the routing fees of your Lightning node',
    long: 'sweetspot watches the balances and forwards of your channels and moves each fee towards its sweet spot: high enough to earn, low enough to attract forwards. It explains every change. A fresh install only observes. Its macaroon cannot spend, open or close.',
  },
  volumes: ['main'],
  images: {
    sweetspot: {
      source: { dockerTag: 'ghcr.io/OWNER/sweetspot:0.1.0' },
      arch: ['x86_64'],
    },
    // For its lncli, which bakes the macaroon; it is gone once that is done.
    lnd: {
      source: { dockerTag: 'lightninglabs/lnd:v0.21.2-beta' },
      arch: ['x86_64'],
    },
  },
  dependencies: {
    lnd: {
      description: 'The node whose fees are set',
      optional: false,
      metadata: {
        title: 'LND',
        icon: 'https://raw.githubusercontent.com/Start9Labs/lnd-startos/refs/heads/master/icon.svg',
      },
    },
  },
})
