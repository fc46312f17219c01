import { sdk } from './sdk'

export const webHost = 'web'
export const webPort = 9750

export const setInterfaces = sdk.setupInterfaces(async ({ effects }) => {
  const host = sdk.MultiHost.of(effects, webHost)
  const origin = await host.bindPort(webPort, { protocol: 'http' })
  const page = sdk.createInterface(effects, {
    name: 'Page',
    id: 'web',
    description: 'Channels, fees and why they are what they are',
    type: 'ui',
    masked: false,
    schemeOverride: null,
    username: null,
    path: '',
    query: {},
  })
  return [await origin.export([page])]
})
