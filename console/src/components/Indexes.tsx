import { DeleteOutlined } from '@ant-design/icons'
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { App as AntApp, Button, Card, Drawer, Empty, Progress, Spin, Tag } from 'antd'
import { useState } from 'react'
import { manage, part, request, type Index } from '../api'
import { useText } from '../i18n'
import { Editor } from './Editor'
import { Failure } from './Failure'

interface Props { app: string; dark: boolean; collection: string; open: boolean; onClose(): void }

const example = '{\n  "fields": [{"path": "city"}, {"path": "score", "descending": true}],\n  "unique": false\n}'

/** The indexes of a collection: which there are, how far a build is, a new one, dropping one. */
export function Indexes({ app, dark, collection, open, onClose }: Props) {
  const { t } = useText()
  const { modal, message } = AntApp.useApp()
  const queries = useQueryClient()
  const path = manage(app, `/collections/${part(collection)}/indexes`)
  const key = ['indexes', app, collection]
  const [text, setText] = useState(example)
  const list = useQuery({
    queryKey: key, enabled: open, queryFn: () => request<{ indexes: Index[] }>('GET', path).then(r => r.indexes),
    refetchInterval: q => (q.state.data?.some(i => i.state === 'building') ? 1000 : 5000),
  })
  const create = useMutation({
    mutationFn: async () => request('POST', path, { index: JSON.parse(text) }),
    onError: e => message.error(e instanceof SyntaxError ? `${t('invalidJson')}: ${e.message}` : e.message),
    onSettled: () => queries.invalidateQueries({ queryKey: key }),
  })
  const drop = (i: Index) => modal.confirm({
    title: `${t('dropIndex')}: ${i.name}`, okButtonProps: { danger: true },
    onOk: async () => {
      await request('DELETE', `${path}/${part(i.name)}`)
      await queries.invalidateQueries({ queryKey: key })
    },
  })
  return (
    <Drawer open={open} onClose={onClose} size="large" title={`${t('indexes')} · ${collection}`}>
      {list.error && <Failure error={list.error} />}
      {list.isPending && <Spin />}
      {list.data?.length === 0 && <Empty image={Empty.PRESENTED_IMAGE_SIMPLE} description={t('noIndexes')} />}
      {list.data?.map(i => (
        <Card key={i.name} size="small" style={{ marginBottom: 8 }} title={<span className="mono">{i.name}</span>}
          extra={<Button type="text" size="small" danger aria-label={t('dropIndex')} icon={<DeleteOutlined />} onClick={() => drop(i)} />}>
          <span className="mono">{i.fields.map(f => `${f.path}: ${f.kind ? `"${f.kind}"` : f.descending ? -1 : 1}`).join(', ')}</span>{' '}
          {i.unique && <Tag>unique</Tag>}{i.sparse && <Tag>sparse</Tag>}
          {!!i.expireAfterSeconds && <Tag>expireAfterSeconds {i.expireAfterSeconds}</Tag>}
          {i.partialFilter !== undefined && <Tag className="mono">{JSON.stringify(i.partialFilter)}</Tag>}
          {i.collation !== undefined && <Tag className="mono">{JSON.stringify(i.collation)}</Tag>}
          {i.state === 'building' && <Progress size="small" percent={Math.floor((100 * (i.done ?? 0)) / Math.max(i.total ?? 1, 1))} />}
          {i.state === 'failed' && <div className="log-error">{i.failure}</div>}
        </Card>
      ))}
      <h3>{t('newIndex')}</h3>
      <Editor label={t('newIndex')} value={text} onChange={setText} dark={dark} height="160px" onSubmit={create.mutate} />
      <Button type="primary" style={{ marginTop: 8 }} loading={create.isPending} onClick={() => create.mutate()}>{t('createIndex')}</Button>
    </Drawer>
  )
}
