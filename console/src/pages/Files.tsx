import { CopyOutlined, DeleteOutlined, DownloadOutlined, FolderAddOutlined, FolderOutlined, UploadOutlined } from '@ant-design/icons'
import { useInfiniteQuery, useQueryClient } from '@tanstack/react-query'
import { App as AntApp, Breadcrumb, Button, Empty, Input, Modal, Progress, Space, Table, Tooltip } from 'antd'
import { useMemo, useRef, useState } from 'react'
import { ofApp, request, type StoredFile } from '../api'
import { Failure } from '../components/Failure'
import { bytes, when } from '../components/format'
import { useText } from '../i18n'

interface Page { files: StoredFile[]; next?: string }
interface Row { key: string; name: string; file?: StoredFile }

/** Sends the bytes with progress, which fetch cannot report. */
function send(url: string, method: string, headers: Record<string, string>, file: File, onProgress: (share: number) => void) {
  return new Promise<void>((done, failed) => {
    const x = new XMLHttpRequest()
    x.open(method, url)
    for (const [name, value] of Object.entries(headers)) x.setRequestHeader(name, value)
    x.upload.onprogress = e => onProgress(e.loaded / Math.max(e.total, 1))
    x.onload = () => (x.status < 300 ? done() : failed(new Error(x.responseText.slice(0, 200) || `HTTP ${x.status}`)))
    x.onerror = () => failed(new Error('network'))
    x.send(file)
  })
}

export function Files({ app }: { app: string }) {
  const { t } = useText()
  const { modal, message } = AntApp.useApp()
  const queries = useQueryClient()
  const [folder, setFolder] = useState('')
  const [progress, setProgress] = useState<number>()
  const [newFolder, setNewFolder] = useState<string>()
  const input = useRef<HTMLInputElement>(null)
  const list = useInfiniteQuery({
    queryKey: ['files', app, folder], initialPageParam: '',
    queryFn: ({ pageParam }) => request<Page>('POST', ofApp(app, '/files/list'), { prefix: folder, after: pageParam || undefined, limit: 500 }),
    getNextPageParam: last => last.next || undefined,
  })
  const rows = useMemo(() => {
    const folders = new Map<string, Row>()
    const files: Row[] = []
    for (const file of list.data?.pages.flatMap(p => p.files) ?? []) {
      const [first, ...rest] = file.path.slice(folder.length).split('/')
      if (rest.length) folders.set(first, { key: `${folder}${first}/`, name: first })
      else files.push({ key: file.fileId, name: first, file })
    }
    return [...folders.values(), ...files]
  }, [list.data, folder])

  const upload = async (chosen: FileList | null) => {
    for (const file of chosen ?? []) {
      try {
        setProgress(0)
        const grant = await request<{ url: string; method: string; headers: Record<string, string> }>('POST', ofApp(app, '/files/grantUpload'), { path: folder + file.name, size: file.size, contentType: file.type || undefined })
        const url = new URL(grant.url)
        await send(url.pathname + url.search, grant.method, grant.headers, file, setProgress)
        message.success(`${t('uploaded')}: ${file.name}`)
      } catch (e) {
        message.error(`${file.name}: ${(e as Error).message}`)
      }
    }
    setProgress(undefined)
    await queries.invalidateQueries({ queryKey: ['files', app] })
  }
  const download = async (file: StoredFile) => {
    const { files } = await request<{ files: { url?: string; error?: { message: string } }[] }>('POST', ofApp(app, '/files/urls'), { files: [{ fileId: file.fileId }] })
    if (files[0].url) window.open(files[0].url, '_blank', 'noopener')
    else message.error(files[0].error?.message)
  }
  const remove = (file: StoredFile) => modal.confirm({
    title: t('confirmDelete'), content: file.path, okButtonProps: { danger: true },
    onOk: async () => {
      await request('POST', ofApp(app, '/files/delete'), { fileIds: [file.fileId] })
      await queries.invalidateQueries({ queryKey: ['files', app] })
    },
  })
  // A folder is no more than the beginning of its files' paths: a new one is there once something is uploaded into it.
  const enter = () => {
    const name = newFolder?.split('/').map(p => p.trim()).filter(Boolean).join('/')
    if (name) setFolder(`${folder}${name}/`)
    setNewFolder(undefined)
  }
  const parts = folder.split('/').filter(Boolean)
  return (
    <>
      <div className="page-head">
        <h1>{t('files')}</h1>
        {progress !== undefined && <Progress type="circle" size={28} percent={Math.round(progress * 100)} />}
        <input ref={input} type="file" multiple hidden data-testid="upload" onChange={e => {
          void upload(e.target.files).then(() => { if (input.current) input.current.value = '' })
        }} />
        <Button icon={<FolderAddOutlined />} onClick={() => setNewFolder('')}>{t('newFolder')}</Button>
        <Button type="primary" icon={<UploadOutlined />} onClick={() => input.current?.click()}>{t('upload')}</Button>
      </div>
      <Modal open={newFolder !== undefined} title={t('newFolder')} onCancel={() => setNewFolder(undefined)} onOk={enter} okButtonProps={{ disabled: !newFolder?.trim() }}>
        <Input autoFocus aria-label={t('folder')} placeholder={t('newFolderHint')} value={newFolder} onChange={e => setNewFolder(e.target.value)} onPressEnter={enter} />
      </Modal>
      <Breadcrumb style={{ marginBottom: 12 }} items={[
        { title: <a onClick={() => setFolder('')}>{t('allFiles')}</a> },
        ...parts.map((p, i) => ({ title: <a onClick={() => setFolder(`${parts.slice(0, i + 1).join('/')}/`)}>{p}</a> })),
      ]} />
      {list.error && <Failure error={list.error} />}
      <Table<Row> size="middle" loading={list.isPending} dataSource={rows} pagination={{ pageSize: 100, hideOnSinglePage: true }}
        locale={{ emptyText: <Empty description={t('noFiles')} /> }}
        columns={[
          { title: t('name'), className: 'wraps', render: (_, r) => (r.file ? <>{r.name}<div className="phone muted">{bytes(r.file.size)} · {when(r.file.modifiedAt)}</div></> : <a onClick={() => setFolder(r.key)}><FolderOutlined /> {r.name}</a>) },
          { title: t('size'), align: 'right', responsive: ['md'], className: 'one-line', render: (_, r) => r.file && bytes(r.file.size) },
          { title: t('type'), responsive: ['lg'], className: 'one-line', render: (_, r) => <span className="muted">{r.file?.contentType}</span> },
          { title: t('owner'), responsive: ['lg'], render: (_, r) => <span className="mono muted cut" title={r.file?.owner}>{r.file?.owner}</span> },
          { title: t('modified'), responsive: ['md'], className: 'one-line', render: (_, r) => <span className="muted">{when(r.file?.modifiedAt)}</span> },
          { title: '', align: 'right', className: 'one-line', render: (_, r) => r.file && (
            <Space size={0}>
              <Tooltip title={r.file.fileId}><Button type="text" aria-label="copy" icon={<CopyOutlined />} onClick={() => navigator.clipboard.writeText(r.file!.fileId).then(() => message.success(t('copyId')))} /></Tooltip>
              <Button type="text" aria-label={t('download')} icon={<DownloadOutlined />} onClick={() => download(r.file!)} />
              <Button type="text" danger aria-label={t('remove')} icon={<DeleteOutlined />} onClick={() => remove(r.file!)} />
            </Space>
          ) },
        ]} />
      {list.hasNextPage && <Button onClick={() => list.fetchNextPage()} loading={list.isFetchingNextPage}>{t('more')}</Button>}
    </>
  )
}
