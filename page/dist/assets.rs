// Written by page/scripts/build.js.
&[
    Asset {
        path: "/",
        media: "text/html; charset=utf-8",
        tag: "\"7ca81d8ff080f7ed\"",
        body: include_bytes!("page.html.gz"),
    },
    Asset {
        path: "/assets/page-11e510cea0170bd5.js",
        media: "text/javascript; charset=utf-8",
        tag: "\"11e510cea0170bd5\"",
        body: include_bytes!("page.js.gz"),
    },
    Asset {
        path: "/assets/page-1c2d53bf8c035d5a.css",
        media: "text/css; charset=utf-8",
        tag: "\"1c2d53bf8c035d5a\"",
        body: include_bytes!("page.css.gz"),
    },
    Asset {
        path: "/assets/page-ae507f1e5d25154e.svg",
        media: "image/svg+xml",
        tag: "\"ae507f1e5d25154e\"",
        body: include_bytes!("icon.svg.gz"),
    },
]
