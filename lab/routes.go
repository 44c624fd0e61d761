package lab

import (
	"embed"
	"fmt"
	"io/fs"
	"net/http"
	"net/url"

	"steno/lab/media"
)

//go:embed page
var pageFiles embed.FS

// policy is as strict as that of a real meeting page: no workers or scripts
// but the page's own, connections only home.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; " +
	"media-src 'self' blob: mediastream:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

func (s *Server) routes() http.Handler {
	assets, err := fs.Sub(pageFiles, "page")
	if err != nil {
		panic(err) // the folder is part of the program
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /meet/{code}", page("meet"))
	mux.HandleFunc("GET /teams/", page("teams"))
	mux.HandleFunc("GET /zoom/", page("zoom"))
	mux.HandleFunc("GET /clips/{name}", s.serveClip)
	mux.Handle("GET /assets/", http.StripPrefix("/assets/", http.FileServerFS(assets)))
	mux.HandleFunc("GET /meet/{code}/signal", s.outliving(s.serveSignal))
	mux.HandleFunc("GET /freeze", s.serveFreeze)
	mux.HandleFunc("GET /signin", serveSignIn)
	s.control(mux)
	return mux
}

// outliving lets Close wait for a handler that has taken its connection.
func (s *Server) outliving(h http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		if s.closed {
			s.mu.Unlock()
			http.Error(w, "the lab is closed", http.StatusServiceUnavailable)
			return
		}
		s.conns.Add(1)
		s.mu.Unlock()
		defer s.conns.Done()
		h(w, r)
	}
}

// page serves the page of a platform, whatever the path.
func page(platform string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Security-Policy", policy)
		w.Header().Set("Cache-Control", "no-store")
		http.ServeFileFS(w, r, pageFiles, "page/"+platform+"/index.html")
	}
}

// accountCookie holds the name of the account in which a browser is signed in.
const accountCookie = "lab_account"

// serveSignIn signs a browser in, as ?as=NAME.
func serveSignIn(w http.ResponseWriter, r *http.Request) {
	name := r.FormValue("as")
	http.SetCookie(w, &http.Cookie{Name: accountCookie, Value: url.QueryEscape(name), Path: "/", MaxAge: 365 * 24 * 3600, HttpOnly: true, SameSite: http.SameSiteLaxMode})
	_, _ = fmt.Fprintf(w, "signed in as %q\n", name)
}

// account is the name in which the browser of a request is signed in; empty: none.
func account(r *http.Request) string {
	c, err := r.Cookie(accountCookie)
	if err != nil {
		return ""
	}
	name, _ := url.QueryUnescape(c.Value)
	return name
}

// serveClip serves what people say, for a page that plays it by itself.
func (s *Server) serveClip(w http.ResponseWriter, r *http.Request) {
	clips, err := media.Clips()
	clip := clips[r.PathValue("name")]
	if err != nil || clip == nil {
		http.NotFound(w, r)
		return
	}
	data, err := clip.Ogg()
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "audio/ogg")
	_, _ = w.Write(data) // the page is gone if this fails
}

// serveFreeze never answers: a page that waits for it stands still.
func (s *Server) serveFreeze(_ http.ResponseWriter, r *http.Request) {
	select {
	case <-r.Context().Done():
	case <-s.ctx.Done():
	}
}
