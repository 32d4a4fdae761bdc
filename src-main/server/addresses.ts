import { BlockList, isIP, isIPv6 } from 'node:net'
import { networkInterfaces } from 'node:os'
import { FusionError } from '../contract/errors'

const LOCALHOST = '127.0.0.1'
/** All addresses of this machine. */
const WILDCARDS: readonly string[] = ['0.0.0.0', '::']

const loopback = new BlockList()
loopback.addSubnet('127.0.0.0', 8)
loopback.addAddress('::1', 'ipv6')

/** Where a server listens. */
export interface ServedAddress {
  address: string
  /** Whether other machines may reach it. */
  isPublic: boolean
}

/**
 * Checks an address before it is listened on: no address at all would be every one.
 * @param network whether other machines may reach the program
 * @throws FusionError 'validation'
 */
export function servedAddress(address: string = LOCALHOST, network = false): ServedAddress {
  if (address.trim() === '' || /[%\s[\]/?#@\\]/.test(address)) {
    throw new FusionError('validation', `${JSON.stringify(address)} is not an address of a machine.`, {
      hint: 'Give an IP address of this machine, as 127.0.0.1 or ::1.',
    })
  }
  const isPublic = !(address === 'localhost' || isLoopback(address))
  if (!isPublic || network) return { address, isPublic }
  throw new FusionError('validation', `Other machines could reach the program at ${address}.`, {
    hint: 'If they shall, say --allow-network: whoever has its address with the token may use it, and what is sent can be read on the way.',
  })
}

/** The host and port of a URL; the port is left out where it is HTTP's own. */
export function hostOf(address: string, port: number): string {
  return new URL(`http://${isIPv6(address) ? `[${address}]` : address}:${port}`).host
}

/** The address that a browser on this machine uses. */
export function ownAddress(address: string): string {
  return WILDCARDS.includes(address) ? LOCALHOST : address
}

/** The hosts that requests may name (Host, Origin): never a name that somebody else could point here. */
export function acceptedHosts({ address }: ServedAddress, port: number): string[] {
  const all = Object.values(networkInterfaces()).flatMap((found) => (found ?? []).map((own) => own.address))
  const others = WILDCARDS.includes(address) ? all.filter((own) => !own.includes('%')) : [address]
  const names = [LOCALHOST, 'localhost', ...others].map((name) => hostOf(name, port))
  // Port 80 may be said or left out.
  return port === 80 ? [...names, ...names.map((name) => `${name}:80`)] : names
}

function isLoopback(address: string): boolean {
  const version = isIP(address)
  return version !== 0 && loopback.check(address, version === 6 ? 'ipv6' : 'ipv4')
}
