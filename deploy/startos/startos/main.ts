import { webHost, webPort } from './interfaces'
import { sdk } from './sdk'

// Runs in LND's image, where LND's volume is at /lnd, read-only, and ours at /data.
// Brings the certificate and a macaroon that cannot spend, and a config and password
// where there are none. StartOS gives LND's address and the page's names, each time.
const prepare = `
set -eu
umask 077
cd /data
if [ ! -s web.password ]; then head -c 18 /dev/urandom | base64 > web.password; fi
if [ ! -e config.toml ]; then cat > config.toml << 'CONFIG'
[node]
address = ""
tls_cert = "/data/tls.cert"
macaroon = "/data/sweetspot.macaroon"

[store]
path = "/data/sweetspot.db"

[web]
listen = "0.0.0.0:${webPort}"
password_file = "/data/web.password"
hosts = []

[defaults]
# "observe" writes nothing. "manage" sets fees.
mode = "observe"
CONFIG
fi
sed -i "s|^address = .*|address = \\"https://$1\\"|; s|^hosts = .*|hosts = $2|" config.toml
cp /lnd/tls.cert tls.cert
lncli --rpcserver="$1" --tlscertpath=/lnd/tls.cert \\
  --macaroonpath=/lnd/data/chain/bitcoin/mainnet/admin.macaroon \\
  bakemacaroon --save_to=/data/sweetspot.macaroon \\
  uri:/lnrpc.Lightning/GetInfo uri:/lnrpc.Lightning/ListChannels \\
  uri:/lnrpc.Lightning/GetNodeInfo uri:/lnrpc.Lightning/GetChanInfo \\
  uri:/lnrpc.Lightning/ForwardingHistory uri:/lnrpc.Lightning/ClosedChannels \\
  uri:/lnrpc.Lightning/UpdateChannelPolicy
chown -R 65532:65532 /data
`

const ours = () =>
  sdk.Mounts.of().mountVolume({
    volumeId: 'main',
    subpath: null,
    mountpoint: '/data',
    readonly: false,
  })

export const main = sdk.setupMain(async ({ effects }) => {
  // Runs again when the address changes; there is none before LND's first unlock.
  const lnd = await sdk.host
    .getBridgeAddress(effects, {
      packageId: 'lnd',
      hostId: 'grpc',
      internalPort: 10009,
    })
    .const()
  if (!lnd) throw new Error('LND does not answer yet: unlock its wallet once')

  const names = await sdk.host
    .getOwn(effects, webHost, (host) =>
      (host?.bindings[webPort]?.addresses.available ?? [])
        .map((address) => address.hostname)
        .filter((name) => /^[a-z0-9.-]+$/i.test(name)),
    )
    .const()
  const hosts = JSON.stringify(['localhost', ...new Set(names)])

  const withLnd = ours().mountDependency({
    dependencyId: 'lnd',
    volumeId: 'main',
    subpath: null,
    mountpoint: '/lnd',
    readonly: true,
  })
  await sdk.SubContainer.withTemp(
    effects,
    { imageId: 'lnd' },
    withLnd,
    'prepare',
    (sub) => sub.execFail(['sh', '-c', prepare, 'prepare', lnd, hosts], { user: 'root' }),
  )

  const daemon = sdk.SubContainer.of(
    effects,
    { imageId: 'sweetspot' },
    ours(),
    'sweetspot',
  )
  return sdk.Daemons.of(effects).addDaemon('sweetspot', {
    subcontainer: daemon,
    exec: {
      command: ['/sweetspot', 'run'],
      env: { SWEETSPOT_CONFIG: '/data/config.toml', HOME: '/data' },
    },
    ready: {
      display: 'Daemon',
      fn: () =>
        sdk.healthCheck.runHealthScript(['/sweetspot', 'health'], daemon, {
          errorMessage: 'The daemon is stuck',
          message: () => 'The daemon works',
        }),
      gracePeriod: 600_000,
    },
    requires: [],
  })
})
