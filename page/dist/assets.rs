// Written by page/scripts/build.js.
&[
    Asset {
        path: "/",
        media: "text/html; charset=utf-8",
        tag: "\"a26efcaedc056a2c\"",
        body: include_bytes!("page.html.gz"),
    },
    Asset {
        path: "/assets/page-d3e8e1e8064649a9.js",
        media: "text/javascript; charset=utf-8",
        tag: "\"d3e8e1e8064649a9\"",
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
