import { ApiOutlined, ClockCircleOutlined, DashboardOutlined, DatabaseOutlined, FolderOpenOutlined, LogoutOutlined, MenuOutlined, MoonOutlined, PlusOutlined, SettingOutlined, SunOutlined, TagsOutlined, TeamOutlined, TranslationOutlined } from '@ant-design/icons'
import { useQuery, useQueryClient } from '@tanstack/react-query'
import { Button, Drawer, Empty, Grid, Layout, Menu, Select, Spin, Tooltip } from 'antd'
import { lazy, Suspense, useEffect, useState, type ReactNode } from 'react'
import { Navigate, Route, Routes, useLocation, useNavigate, useParams } from 'react-router-dom'
import { request, session, type App } from './api'
import { Crash } from './components/Crash'
import { Failure } from './components/Failure'
import { useText, type TextKey } from './i18n'
import { NewApp } from './pages/NewApp'
import { SignIn } from './pages/SignIn'

// A page is fetched when it is first shown: the editor and the charts are large.
const Overview = lazy(() => import('./pages/Overview').then(m => ({ default: m.Overview })))
const Functions = lazy(() => import('./pages/Functions').then(m => ({ default: m.Functions })))
const FunctionPage = lazy(() => import('./pages/FunctionPage').then(m => ({ default: m.FunctionPage })))
const Documents = lazy(() => import('./pages/Documents').then(m => ({ default: m.Documents })))
const Files = lazy(() => import('./pages/Files').then(m => ({ default: m.Files })))
const Triggers = lazy(() => import('./pages/Triggers').then(m => ({ default: m.Triggers })))
const Releases = lazy(() => import('./pages/Releases').then(m => ({ default: m.Releases })))
const Users = lazy(() => import('./pages/Users').then(m => ({ default: m.Users })))
const Settings = lazy(() => import('./pages/Settings').then(m => ({ default: m.Settings })))

interface Look { dark: boolean; toggleDark(): void }

const pages: { key: TextKey; icon: ReactNode }[] = [
  { key: 'overview', icon: <DashboardOutlined aria-hidden /> }, { key: 'functions', icon: <ApiOutlined aria-hidden /> },
  { key: 'documents', icon: <DatabaseOutlined aria-hidden /> }, { key: 'files', icon: <FolderOpenOutlined aria-hidden /> },
  { key: 'triggers', icon: <ClockCircleOutlined aria-hidden /> }, { key: 'releases', icon: <TagsOutlined aria-hidden /> }, { key: 'users', icon: <TeamOutlined aria-hidden /> },
  { key: 'settings', icon: <SettingOutlined aria-hidden /> },
]

export function Console(look: Look) {
  const [signedIn, setSignedIn] = useState(session.token !== '')
  const queries = useQueryClient()
  useEffect(() => session.whenSignedOut(() => {
    queries.clear()
    setSignedIn(false)
  }), [queries])
  if (!signedIn || location.hash.startsWith('#token=')) return <SignIn onSignedIn={() => setSignedIn(true)} />
  return (
    <Routes>
      <Route path="/" element={<FirstApp />} />
      <Route path="/-/new" element={<NewApp />} />
      <Route path="/:app/*" element={<AppConsole {...look} />} />
    </Routes>
  )
}

const useApps = () => useQuery({ queryKey: ['apps'], queryFn: () => request<{ apps: App[] }>('GET', '/v1/manage/apps').then(r => r.apps) })

function FirstApp() {
  const apps = useApps()
  if (apps.isPending) return <Spin fullscreen />
  if (apps.error) return <div className="page"><Failure error={apps.error} /></div>
  return apps.data[0] ? <Navigate to={`/${apps.data[0].id}/overview`} replace /> : <NewApp />
}

function AppConsole({ dark, toggleDark }: Look) {
  const { app = '' } = useParams()
  const { t, language, setLanguage } = useText()
  const navigate = useNavigate()
  const page = useLocation().pathname.split('/')[2] ?? 'overview'
  const apps = useApps()
  const wide = Grid.useBreakpoint().md ?? true
  const [menuOpen, setMenuOpen] = useState(false)

  const go = (key: string) => {
    setMenuOpen(false)
    navigate(`/${app}/${key}`)
  }
  const menu = (
    <Menu mode="inline" selectedKeys={[page]} style={{ borderInlineEnd: 0, background: 'transparent' }}
      items={pages.map(p => ({ key: p.key, icon: p.icon, label: t(p.key) }))} onClick={({ key }) => go(key)} />
  )
  const frame = dark ? '#1b1c1f' : '#ffffff'
  return (
    <Layout style={{ minHeight: '100dvh' }}>
      <Layout.Header style={{ background: frame, display: 'flex', alignItems: 'center', gap: wide ? 16 : 8, padding: wide ? '0 20px' : '0 10px', borderBottom: '1px solid rgba(128,128,128,.18)', position: 'sticky', top: 0, zIndex: 20 }}>
        {!wide && <Button type="text" aria-label="menu" icon={<MenuOutlined />} onClick={() => setMenuOpen(true)} />}
        <div className="brand"><img src="/console/cloud.svg" alt="" />{wide && 'Yunduo 云朵'}</div>
        <Select aria-label={t('appId')} value={app} style={{ width: wide ? 200 : 'auto', flex: wide ? undefined : '1 1 0', minWidth: 0 }} onChange={id => navigate(`/${id}/${page}`)}
          options={(apps.data ?? [{ id: app, name: app }]).map(a => ({ value: a.id, label: a.name || a.id }))}
          popupRender={list => <>{list}<Button type="text" block icon={<PlusOutlined />} onClick={() => navigate('/-/new')}>{t('createApp')}</Button></>} />
        {wide && <span style={{ flex: 1 }} />}
        <Tooltip title={t(dark ? 'light' : 'dark')}><Button type="text" aria-label={t(dark ? 'light' : 'dark')} icon={dark ? <SunOutlined /> : <MoonOutlined />} onClick={toggleDark} /></Tooltip>
        <Tooltip title={t('language')}><Button type="text" aria-label={t('language')} icon={<TranslationOutlined />} onClick={() => setLanguage(language === 'zh' ? 'en' : 'zh')} /></Tooltip>
        <Tooltip title={t('signOut')}><Button type="text" aria-label={t('signOut')} icon={<LogoutOutlined />} onClick={() => session.signOut()} /></Tooltip>
      </Layout.Header>
      <Layout>
        {wide && <Layout.Sider width={200} style={{ background: frame, paddingTop: 12, position: 'sticky', top: 64, height: 'calc(100vh - 64px)', borderInlineEnd: '1px solid rgba(128,128,128,.18)' }}>{menu}</Layout.Sider>}
        <Drawer open={menuOpen} onClose={() => setMenuOpen(false)} placement="left" size={240} title="Yunduo 云朵">{menu}</Drawer>
        <Layout.Content>
          <div className="page" key={app}>
            <Crash key={page}><Suspense fallback={<Spin className="waiting" />}><Routes>
              <Route path="overview" element={<Overview app={app} dark={dark} />} />
              <Route path="functions" element={<Functions app={app} />} />
              <Route path="functions/:name/*" element={<FunctionPage app={app} dark={dark} />} />
              <Route path="documents/:collection?" element={<Documents app={app} dark={dark} />} />
              <Route path="files" element={<Files app={app} />} />
              <Route path="triggers" element={<Triggers app={app} />} />
              <Route path="releases" element={<Releases app={app} />} />
              <Route path="users" element={<Users app={app} />} />
              <Route path="settings" element={<Settings app={app} />} />
              <Route path="*" element={<Empty />} />
            </Routes></Suspense></Crash>
          </div>
        </Layout.Content>
      </Layout>
    </Layout>
  )
}
