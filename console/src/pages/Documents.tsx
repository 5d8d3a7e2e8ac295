import { BulbOutlined, DeleteOutlined, EditOutlined, HistoryOutlined, PlusOutlined, RestOutlined, UnorderedListOutlined } from '@ant-design/icons'
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { App as AntApp, Button, Card, Drawer, Empty, Input, Modal, Pagination, Spin, Tooltip } from 'antd'
import { useState } from 'react'
import { useNavigate, useParams } from 'react-router-dom'
import { manage, ofApp, part, request, type Collection, type Document } from '../api'
import { Choice } from '../components/Choice'
import { Editor } from '../components/Editor'
import { Failure } from '../components/Failure'
import { bytes } from '../components/format'
import { History } from '../components/History'
import { Indexes } from '../components/Indexes'
import { Transfer } from '../components/Transfer'
import { Trash } from '../components/Trash'
import { useText } from '../i18n'

interface Props { app: string; dark: boolean }

const pageSize = 20

export function Documents({ app, dark }: Props) {
  const { t } = useText()
  const { modal, message } = AntApp.useApp()
  const { collection } = useParams()
  const navigate = useNavigate()
  const queries = useQueryClient()
  const [name, setName] = useState<string>()
  const [trash, setTrash] = useState(false)
  const list = useQuery({ queryKey: ['collections', app], queryFn: () => request<{ collections: Collection[] }>('GET', manage(app, '/collections')).then(r => r.collections), refetchInterval: 5000 })
  const create = useMutation({
    mutationFn: (collection: string) => request('POST', manage(app, '/collections'), { collection }),
    onSuccess: async (_, made) => {
      setName(undefined)
      await queries.invalidateQueries({ queryKey: ['collections', app] })
      navigate(`/${app}/documents/${part(made)}`)
    },
    onError: e => message.error(e.message),
  })
  const drop = () => modal.confirm({
    title: `${t('dropCollection')}: ${collection}`, content: t('dropHint'), okButtonProps: { danger: true },
    onOk: async () => {
      await request('DELETE', manage(app, `/collections/${part(collection!)}`))
      await queries.invalidateQueries({ queryKey: ['collections', app] })
      navigate(`/${app}/documents`)
    },
  })
  const chosen = collection ?? list.data?.[0]?.name
  return (
    <>
      <div className="page-head">
        <h1>{t('documents')}</h1>
        {collection && <Tooltip title={t('dropCollection')}><Button danger aria-label={t('dropCollection')} icon={<DeleteOutlined />} onClick={drop} /></Tooltip>}
        <Tooltip title={t('trash')}><Button aria-label={t('trash')} data-testid="trash" icon={<RestOutlined />} onClick={() => setTrash(true)} /></Tooltip>
        <Button icon={<PlusOutlined />} onClick={() => setName('')}>{t('newCollection')}</Button>
      </div>
      <Trash app={app} open={trash} onClose={() => setTrash(false)} />
      <Modal open={name !== undefined} title={t('newCollection')} onCancel={() => setName(undefined)} onOk={() => create.mutate(name!)} okButtonProps={{ disabled: !name, loading: create.isPending }}>
        <Input autoFocus placeholder={t('name')} value={name} onChange={e => setName(e.target.value)} onPressEnter={() => name && create.mutate(name)} />
      </Modal>
      {list.error && <Failure error={list.error} />}
      {list.data?.length === 0 && <Empty description={t('noCollections')} />}
      {!!list.data?.length && (
        <div className="side">
          <Choice label={t('collections')} chosen={chosen ?? ''} onChoose={name => navigate(`/${app}/documents/${part(name)}`)}
            items={list.data.map(c => ({ key: c.name, note: String(c.documents), title: `${c.name} · ${bytes(c.bytes)} · ${t('indexes')} ${bytes(c.indexBytes)}` }))} />
          {chosen && <CollectionView key={chosen} app={app} dark={dark} collection={chosen} />}
        </div>
      )}
    </>
  )
}

const idFilter = (id: unknown) => ({ _id: id })

function CollectionView({ app, dark, collection }: Props & { collection: string }) {
  const { t } = useText()
  const { modal, message } = AntApp.useApp()
  const queries = useQueryClient()
  const base = ofApp(app, `/documents/${part(collection)}`)
  const [draft, setDraft] = useState({ filter: '', sort: '' })
  const [applied, setApplied] = useState<{ filter?: unknown; sort?: unknown }>({})
  const [page, setPage] = useState(1)
  const [indexes, setIndexes] = useState(false)
  const [past, setPast] = useState<{ id?: unknown }>()
  const [editing, setEditing] = useState<{ text: string; original?: Document }>()

  const key = ['documents', app, collection]
  const found = useQuery({ queryKey: [...key, applied, page], queryFn: () => request<{ documents: Document[] }>('POST', `${base}/find`, { ...applied, skip: (page - 1) * pageSize, limit: pageSize }).then(r => r.documents) })
  const total = useQuery({ queryKey: [...key, 'count', applied.filter], queryFn: () => request<{ total: number }>('POST', `${base}/count`, { filter: applied.filter }).then(r => r.total) })
  const refresh = () => queries.invalidateQueries({ queryKey: key }).then(() => queries.invalidateQueries({ queryKey: ['collections', app] }))

  const apply = () => {
    try {
      setApplied({ filter: draft.filter.trim() ? JSON.parse(draft.filter) : undefined, sort: draft.sort.trim() ? JSON.parse(draft.sort) : undefined })
      setPage(1)
    } catch (e) {
      message.error(`${t('invalidJson')}: ${(e as Error).message}`)
    }
  }
  const explain = useMutation({
    mutationFn: () => request<unknown>('POST', `${base}/explain`, { ...applied, skip: (page - 1) * pageSize, limit: pageSize }),
    onSuccess: plan => modal.info({ title: t('explain'), width: 720, content: <pre className="document mono">{JSON.stringify(plan, null, 2)}</pre> }),
    onError: e => message.error(e.message),
  })
  const save = useMutation({
    mutationFn: async () => {
      const document = JSON.parse(editing!.text) as Document
      if (!editing!.original) {
        await request('POST', `${base}/insert`, { documents: [document] })
        return
      }
      const { _id, ...replacement } = document
      if (JSON.stringify(_id) !== JSON.stringify(editing!.original._id)) throw new Error(t('idStays'))
      const { matched } = await request<{ matched: number }>('POST', `${base}/update`, { filter: idFilter(_id), update: replacement })
      if (matched === 0) throw new Error(t('documentGone'))
    },
    onSuccess: async () => {
      setEditing(undefined)
      await refresh()
    },
    onError: e => message.error(e instanceof SyntaxError ? `${t('invalidJson')}: ${e.message}` : e.message),
  })
  const remove = (d: Document) => modal.confirm({
    title: t('confirmDelete'), content: <span className="mono">{JSON.stringify(d._id)}</span>, okButtonProps: { danger: true },
    onOk: async () => {
      await request('POST', `${base}/delete`, { filter: idFilter(d._id) })
      await refresh()
    },
  })
  return (
    <div>
      <div style={{ display: 'flex', flexWrap: 'wrap', gap: 8, marginBottom: 12 }}>
        <Input className="mono" style={{ flex: '2 1 220px' }} prefix={<span className="muted">{t('filter')}</span>} placeholder='{"done": false}' title={t('docsHint')} value={draft.filter} onChange={e => setDraft({ ...draft, filter: e.target.value })} onPressEnter={apply} />
        <Input className="mono" style={{ flex: '1 1 140px' }} prefix={<span className="muted">{t('sort')}</span>} placeholder='{"at": -1}' value={draft.sort} onChange={e => setDraft({ ...draft, sort: e.target.value })} onPressEnter={apply} />
        <Button onClick={apply}>{t('find')}</Button>
        <Tooltip title={t('explain')}><Button aria-label={t('explain')} icon={<BulbOutlined />} loading={explain.isPending} onClick={() => explain.mutate()} /></Tooltip>
        <Tooltip title={t('indexes')}><Button aria-label={t('indexes')} icon={<UnorderedListOutlined />} onClick={() => setIndexes(true)} /></Tooltip>
        <Tooltip title={t('history')}><Button aria-label={t('history')} icon={<HistoryOutlined />} onClick={() => setPast({})} /></Tooltip>
        <Transfer app={app} collection={collection} filter={applied.filter} onImported={refresh} />
        <Button type="primary" icon={<PlusOutlined />} onClick={() => setEditing({ text: '{\n  \n}' })}>{t('insert')}</Button>
      </div>
      <Indexes app={app} dark={dark} collection={collection} open={indexes} onClose={() => setIndexes(false)} />
      {past && <History app={app} collection={collection} id={past.id} open onClose={() => setPast(undefined)} onRestored={refresh} />}
      {found.error && <Failure error={found.error} />}
      {found.isPending && <Spin />}
      {found.data?.length === 0 && <Empty description={t('noDocuments')} />}
      {found.data?.map(d => (
        <Card key={JSON.stringify(d._id)} size="small" className="document-card" title={<span className="mono">{typeof d._id === 'string' ? d._id : JSON.stringify(d._id)}</span>}
          extra={<>
            <Button type="text" size="small" aria-label={t('edit')} icon={<EditOutlined />} onClick={() => setEditing({ text: JSON.stringify(d, null, 2), original: d })} />
            <Button type="text" size="small" aria-label={t('history')} data-testid="past" icon={<HistoryOutlined />} onClick={() => setPast({ id: d._id })} />
            <Button type="text" size="small" danger aria-label={t('remove')} icon={<DeleteOutlined />} onClick={() => remove(d)} />
          </>}>
          <pre className="document mono">{summary(d)}</pre>
        </Card>
      ))}
      {!!total.data && <Pagination size="small" current={page} pageSize={pageSize} total={total.data ?? 0} onChange={setPage} showSizeChanger={false} showTotal={n => `${n} ${t('total')}`} style={{ marginTop: 12 }} />}
      <Drawer open={editing !== undefined} onClose={() => setEditing(undefined)} size="large" title={`${t(editing?.original ? 'edit' : 'insert')} · ${collection}`}
        extra={<Button type="primary" loading={save.isPending} onClick={() => save.mutate()}>{t('save')}</Button>}>
        {editing && <Editor label={t('document')} value={editing.text} onChange={text => setEditing({ ...editing, text })} dark={dark} height="70vh" onSubmit={save.mutate} />}
      </Drawer>
    </div>
  )
}

/** The document's fields without _id, cut where it is very long. */
function summary({ _id, ...fields }: Document): string {
  const text = JSON.stringify(fields, null, 2)
  return text.length > 1500 ? `${text.slice(0, 1500)}\n…` : text
}
