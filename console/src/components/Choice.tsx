import { Grid, Menu, Select } from 'antd'

interface Item { key: string; note?: string; title: string }
interface Props { label: string; items: Item[]; chosen: string; onChoose(key: string): void }

/** One of several names: a list beside the content, on a phone a box above it. */
export function Choice({ label, items, chosen, onChoose }: Props) {
  const wide = Grid.useBreakpoint().md ?? true
  const line = (i: Item) => <span className="choice"><span>{i.key}</span>{i.note && <span className="muted">{i.note}</span>}</span>
  if (!wide) return <Select aria-label={label} value={chosen} onChange={onChoose} showSearch style={{ width: '100%' }} options={items.map(i => ({ value: i.key, label: line(i) }))} />
  return (
    <Menu mode="inline" aria-label={label} selectedKeys={[chosen]} onClick={({ key }) => onChoose(key)} style={{ background: 'transparent', borderInlineEnd: 0, maxHeight: '70vh', overflow: 'auto' }}
      items={items.map(i => ({ key: i.key, title: i.title, style: { paddingInline: 12 }, label: line(i) }))} />
  )
}
