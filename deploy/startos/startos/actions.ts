import { readFile } from 'node:fs/promises'
import { sdk } from './sdk'

const showPassword = sdk.Action.withoutInput(
  'show-password',
  async () => ({
    name: 'Show password',
    description: 'The password of the page',
    warning: null,
    allowedStatuses: 'any',
    group: null,
    visibility: 'enabled',
  }),
  async () => ({
    version: '1',
    title: 'Password of the page',
    message: null,
    result: {
      type: 'single',
      value: (await readFile(sdk.volumes.main.subpath('web.password'), 'utf8')).trim(),
      masked: true,
      copyable: true,
      qr: false,
    },
  }),
)

export const actions = sdk.Actions.of().addAction(showPassword)
