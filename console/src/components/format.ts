export function bytes(n: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB']
  let i = 0
  while (n >= 1024 && i < units.length - 1) {
    n /= 1024
    i++
  }
  return `${i ? n.toFixed(1) : n} ${units[i]}`
}

export const ms = (n: number) => (n >= 1000 ? `${(n / 1000).toFixed(2)} s` : `${n < 10 ? n.toFixed(2) : n.toFixed(0)} ms`)

const pad = (n: number) => String(n).padStart(2, '0')

/** A local time such as 2026-11-22 18:05:09. */
export function when(text?: string): string {
  if (!text) return ''
  const d = new Date(text)
  return `${d.getFullYear()}-${pad(d.getMonth() + 1)}-${pad(d.getDate())} ${pad(d.getHours())}:${pad(d.getMinutes())}:${pad(d.getSeconds())}`
}

/** The local time of day of seconds since 1970, such as 18:05 or 18:05:09. */
export function clock(seconds: number | undefined, withSeconds: boolean): string {
  if (seconds === undefined) return '–'
  const d = new Date(seconds * 1000)
  return `${pad(d.getHours())}:${pad(d.getMinutes())}${withSeconds ? `:${pad(d.getSeconds())}` : ''}`
}

/** The local date of seconds since 1970, such as 11-22, or 11-22 18:05. */
export function day(seconds: number | undefined, withTime: boolean): string {
  if (seconds === undefined) return '–'
  const d = new Date(seconds * 1000)
  return `${pad(d.getMonth() + 1)}-${pad(d.getDate())}${withTime || d.getHours() || d.getMinutes() ? ` ${clock(seconds, false)}` : ''}`
}
