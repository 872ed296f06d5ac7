// Written by page/scripts/build.js.
&[
    Asset {
        path: "/",
        media: "text/html; charset=utf-8",
        tag: "\"644275586e9173e8\"",
        body: include_bytes!("page.html.gz"),
    },
    Asset {
        path: "/assets/page-59545aad4a51a4a1.js",
        media: "text/javascript; charset=utf-8",
        tag: "\"59545aad4a51a4a1\"",
        body: include_bytes!("page.js.gz"),
    },
    Asset {
        path: "/assets/page-2265dc5a67c6a227.css",
        media: "text/css; charset=utf-8",
        tag: "\"2265dc5a67c6a227\"",
        body: include_bytes!("page.css.gz"),
    },
    Asset {
        path: "/assets/page-ae507f1e5d25154e.svg",
        media: "image/svg+xml",
        tag: "\"ae507f1e5d25154e\"",
        body: include_bytes!("icon.svg.gz"),
    },
]
