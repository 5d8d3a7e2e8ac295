import { DeleteOutlined, UndoOutlined } from '@ant-design/icons'
import { useQuery, useQueryClient } from '@tanstack/react-query'
import { App as AntApp, Button, Card, Drawer, Empty, Input, Spin } from 'antd'
import { manage, part, request, type Dropped } from '../api'
import { useText } from '../i18n'
import { Failure } from './Failure'
import { bytes, when } from './format'

interface Props { app: string; open: boolean; onClose(): void }

/** The dropped collections of an app: back, or gone for good. */
export function Trash({ app, open, onClose }: Props) {
  const { t } = useText()
  const { modal, message } = AntApp.useApp()
  const queries = useQueryClient()
  const key = ['trash', app]
  const list = useQuery({ queryKey: key, enabled: open, queryFn: () => request<{ collections: Dropped[] }>('GET', manage(app, '/trash')).then(r => r.collections) })
  const refresh = () => queries.invalidateQueries({ queryKey: key }).then(() => queries.invalidateQueries({ queryKey: ['collections', app] }))
  const restore = (d: Dropped) => {
    let name = d.name
    modal.confirm({
      title: t('bringBack'), content: <Input defaultValue={d.name} aria-label={t('name')} onChange={e => (name = e.target.value)} />,
      onOk: async () => {
        try {
          await request('POST', manage(app, `/trash/${part(d.id)}/restore`), { name })
        } catch (e) {
          message.error((e as Error).message)
          throw e
        }
        await refresh()
      },
    })
  }
  const purge = (d: Dropped) => modal.confirm({
    title: `${t('confirmDelete')} ${d.name}`, okButtonProps: { danger: true },
    onOk: async () => {
      await request('DELETE', manage(app, `/trash/${part(d.id)}`))
      await refresh()
    },
  })
  return (
    <Drawer open={open} onClose={onClose} title={t('trash')}>
      {list.error && <Failure error={list.error} />}
      {list.isPending && <Spin />}
      {list.data?.length === 0 && <Empty image={Empty.PRESENTED_IMAGE_SIMPLE} description={t('trashEmpty')} />}
      {list.data?.map(d => (
        <Card key={d.id} size="small" style={{ marginBottom: 8 }} title={<span className="mono">{d.name}</span>}
          extra={<>
            <Button type="text" size="small" aria-label={t('bringBack')} icon={<UndoOutlined />} onClick={() => restore(d)} />
            <Button type="text" size="small" danger aria-label={t('remove')} icon={<DeleteOutlined />} onClick={() => purge(d)} />
          </>}>
          <div>{d.documents} {t('total')} · {bytes(d.bytes)}</div>
          <div className="muted">{t('dropped')} {when(d.droppedAt)} · {t('keptUntil')} {when(d.until)}</div>
        </Card>
      ))}
    </Drawer>
  )
}
