// Written by page/scripts/build.js.
&[
    Asset {
        path: "/",
        media: "text/html; charset=utf-8",
        tag: "\"39253471423c3257\"",
        body: include_bytes!("page.html.gz"),
    },
    Asset {
        path: "/assets/page-683cbdd00a7e8d3d.js",
        media: "text/javascript; charset=utf-8",
        tag: "\"683cbdd00a7e8d3d\"",
        body: include_bytes!("page.js.gz"),
    },
    Asset {
        path: "/assets/page-8429d50ba78df37f.css",
        media: "text/css; charset=utf-8",
        tag: "\"8429d50ba78df37f\"",
        body: include_bytes!("page.css.gz"),
    },
    Asset {
        path: "/assets/page-ae507f1e5d25154e.svg",
        media: "image/svg+xml",
        tag: "\"ae507f1e5d25154e\"",
        body: include_bytes!("icon.svg.gz"),
    },
]
