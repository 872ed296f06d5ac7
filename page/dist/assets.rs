// Written by page/scripts/build.js.
&[
    Asset {
        path: "/",
        media: "text/html; charset=utf-8",
        tag: "\"8dc6091a3611033a\"",
        body: include_bytes!("page.html.gz"),
    },
    Asset {
        path: "/assets/page-7f1b9a2c86af0e84.js",
        media: "text/javascript; charset=utf-8",
        tag: "\"7f1b9a2c86af0e84\"",
        body: include_bytes!("page.js.gz"),
    },
    Asset {
        path: "/assets/page-ef5c0c092495edc8.css",
        media: "text/css; charset=utf-8",
        tag: "\"ef5c0c092495edc8\"",
        body: include_bytes!("page.css.gz"),
    },
    Asset {
        path: "/assets/page-ae507f1e5d25154e.svg",
        media: "image/svg+xml",
        tag: "\"ae507f1e5d25154e\"",
        body: include_bytes!("icon.svg.gz"),
    },
]
