// Package camera makes pictures that a bot can show as its camera out of those
// that its owner named by address.
//
// It does not drive the page: package tracks gives it the camera, package
// session decides when which picture is shown.
package camera

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/jpeg"
	_ "image/png" // a format that is read
	"slices"

	"golang.org/x/image/draw"
	_ "golang.org/x/image/webp" // the same

	"steno/internal/netguard"
)

// Width and Height of what is shown, in pixels: 16 to 9, as all platforms send
// cameras.
const (
	Width, Height = 1280, 720

	maxBytes  = 10 << 20
	maxPixels = 25_000_000 // 100 MB in memory, for a moment
	quality   = 90
)

// Fetch reads the picture at a URL and returns it as Fit does.
func Fetch(ctx context.Context, guard *netguard.Guard, url string) ([]byte, error) {
	raw, err := guard.Get(ctx, url, maxBytes)
	if err != nil {
		return nil, err
	}
	return Fit(raw)
}

// Fit turns a JPEG, PNG or WebP into a JPEG of Width by Height, whole and in the
// middle. What is transparent in it becomes white.
func Fit(raw []byte) ([]byte, error) {
	size, format, err := image.DecodeConfig(bytes.NewReader(raw))
	switch {
	case errors.Is(err, image.ErrFormat), err == nil && !slices.Contains([]string{"jpeg", "png", "webp"}, format):
		return nil, errors.New("it is no JPEG, PNG or WebP")
	case err != nil:
		return nil, fmt.Errorf("read picture: %w", err)
	case size.Width <= 0 || size.Height <= 0 || size.Width > maxPixels/size.Height:
		return nil, fmt.Errorf("a picture of %d by %d pixels is too large", size.Width, size.Height)
	}
	src, _, err := image.Decode(bytes.NewReader(raw))
	if err != nil {
		return nil, fmt.Errorf("read picture: %w", err)
	}
	ground := color.Black
	if o, ok := src.(interface{ Opaque() bool }); ok && !o.Opaque() {
		ground = color.White
	}
	dst := image.NewRGBA(image.Rect(0, 0, Width, Height))
	draw.Draw(dst, dst.Bounds(), image.NewUniform(ground), image.Point{}, draw.Src)
	draw.BiLinear.Scale(dst, place(src.Bounds().Dx(), src.Bounds().Dy()), src, src.Bounds(), draw.Over, nil)
	var out bytes.Buffer
	if err := jpeg.Encode(&out, dst, &jpeg.Options{Quality: quality}); err != nil {
		return nil, fmt.Errorf("write picture: %w", err)
	}
	return out.Bytes(), nil
}

// place is where a picture of that size goes.
func place(w, h int) image.Rectangle {
	width, height := Width, max(1, h*Width/w)
	if height > Height {
		width, height = max(1, w*Height/h), Height
	}
	x, y := (Width-width)/2, (Height-height)/2
	return image.Rect(x, y, x+width, y+height)
}
