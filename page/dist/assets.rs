// Written by page/scripts/build.js.
&[
    Asset {
        path: "/",
        media: "text/html; charset=utf-8",
        tag: "\"6218ec8214b64c85\"",
        body: include_bytes!("page.html.gz"),
    },
    Asset {
        path: "/assets/page-fd120ec3d6d298fc.js",
        media: "text/javascript; charset=utf-8",
        tag: "\"fd120ec3d6d298fc\"",
        body: include_bytes!("page.js.gz"),
    },
    Asset {
        path: "/assets/page-f73fdbf4964c2107.css",
        media: "text/css; charset=utf-8",
        tag: "\"f73fdbf4964c2107\"",
        body: include_bytes!("page.css.gz"),
    },
    Asset {
        path: "/assets/page-ae507f1e5d25154e.svg",
        media: "image/svg+xml",
        tag: "\"ae507f1e5d25154e\"",
        body: include_bytes!("icon.svg.gz"),
    },
    Asset {
        path: "/assets/page-be5a6163159dda98.png",
        media: "image/png",
        tag: "\"be5a6163159dda98\"",
        body: include_bytes!("icon-192.png.gz"),
    },
    Asset {
        path: "/assets/page-6b22b9f9145f41c5.png",
        media: "image/png",
        tag: "\"6b22b9f9145f41c5\"",
        body: include_bytes!("icon-512.png.gz"),
    },
    Asset {
        path: "/manifest.webmanifest",
        media: "application/manifest+json",
        tag: "\"74defee30e963c0d\"",
        body: include_bytes!("manifest.gz"),
    },
    Asset {
        path: "/worker.js",
        media: "text/javascript; charset=utf-8",
        tag: "\"685742c847311a2d\"",
        body: include_bytes!("worker.js.gz"),
    },
]
