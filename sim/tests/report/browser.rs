//! A page in headless Chromium: what is seen, and what is measured.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

/// High enough for any page here, so that all of it is laid out and can be asked for.
const HEIGHT: u32 = 8000;
/// How wide a customer's window is.
pub(crate) const WIDTH: u32 = 1280;

const QUIET: [&str; 9] = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
];

/// A scheme that a reader prefers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scheme {
    Light,
    Dark,
}

/// A browser, if there is one.
pub(crate) struct Browser(PathBuf);

impl Browser {
    /// The first on the path; says so if there is none.
    pub(crate) fn find() -> Option<Self> {
        let path = std::env::var_os("PATH").unwrap_or_default();
        let names = ["chromium", "chromium-browser", "google-chrome"];
        let mut all = std::env::split_paths(&path).flat_map(|dir| names.map(|name| dir.join(name)));
        let found = all.find(|file| file.is_file());
        if found.is_none() {
            eprintln!("SKIPPED: no Chromium on the path, so nobody has looked at the report");
        }
        found.map(Self)
    }

    fn run(&self, scheme: Scheme, args: &[String], url: &str) -> Vec<u8> {
        let profile = tempfile::tempdir().expect("a directory for the profile");
        let preferred = if scheme == Scheme::Dark { 0 } else { 1 };
        let output = Command::new(&self.0)
            .args(QUIET)
            .arg(format!("--user-data-dir={}", profile.path().display()))
            .arg(format!("--blink-settings=preferredColorScheme={preferred}"))
            .arg(format!("--window-size={WIDTH},{HEIGHT}"))
            .args(args)
            .arg(url)
            .stdin(Stdio::null())
            .output()
            .expect("Chromium starts");
        let told = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "Chromium: {}\n{told}", output.status);
        output.stdout
    }

    /// The page as it is seen.
    pub(crate) fn look(&self, scheme: Scheme, page: &Path) -> Picture {
        self.see(scheme, &address(page), &page.with_extension("png"))
    }

    /// What is seen at an address; the picture is left in a file.
    pub(crate) fn see(&self, scheme: Scheme, url: &str, file: &Path) -> Picture {
        self.run(scheme, &[format!("--screenshot={}", file.display())], url);
        Picture::read(file)
    }

    /// How the page is printed: width and height of each sheet.
    pub(crate) fn sheets(&self, page: &Path) -> Vec<(u32, u32)> {
        let file = page.with_extension("pdf");
        self.run(Scheme::Dark, &[format!("--print-to-pdf={}", file.display())], &address(page));
        let pdf = fs::read(&file).expect("a PDF");
        let pdf = String::from_utf8_lossy(&pdf);
        let sizes = pdf.split("/MediaBox [").skip(1).filter_map(|rest| rest.split_once(']'));
        let size = |(size, _): (&str, &str)| {
            let mut numbers = size.split(' ').filter_map(|number| number.parse::<f64>().ok()).skip(2);
            Some((numbers.next()? as u32, numbers.next()? as u32))
        };
        sizes.filter_map(size).collect()
    }

    /// What `measure.js` says of the page, as (kind, what).
    pub(crate) fn measure(&self, scheme: Scheme, page: &Path) -> Vec<(String, String)> {
        let text = fs::read_to_string(page).expect("the page");
        let script = format!("<script>{}</script></body>", include_str!("measure.js"));
        let wrapped = page.with_extension("measured.html");
        fs::write(&wrapped, text.replacen("</body>", &script, 1)).expect("room on the disk");
        let dom =
            self.run(scheme, &["--virtual-time-budget=5000".into(), "--dump-dom".into()], &address(&wrapped));
        let dom = String::from_utf8(dom).expect("UTF-8");
        let measured =
            dom.split_once("<pre id=\"measured\">").and_then(|(_, rest)| rest.split_once("</pre>"));
        let (lines, _) = measured.expect("the page was measured");
        lines
            .lines()
            .filter_map(|line| line.split_once('\t'))
            .map(|(kind, what)| (kind.into(), what.into()))
            .collect()
    }
}

fn address(page: &Path) -> String {
    format!("file://{}", page.display())
}

/// What was seen.
pub(crate) struct Picture {
    pub(crate) width: u32,
    rgb: Vec<[u8; 3]>,
}

impl Picture {
    fn read(file: &Path) -> Self {
        let file = std::io::BufReader::new(fs::File::open(file).expect("a screenshot"));
        let mut reader = png::Decoder::new(file).read_info().expect("a PNG");
        let mut bytes = vec![0; reader.output_buffer_size().expect("it fits into memory")];
        let info = reader.next_frame(&mut bytes).expect("a whole PNG");
        let rgb = bytes[..info.buffer_size()].chunks(info.color_type.samples());
        let rgb = rgb.map(|pixel| [pixel[0], pixel[1], pixel[2]]).collect();
        Self { width: info.width, rgb }
    }

    /// The colour of the corner: the paper.
    pub(crate) fn paper(&self) -> [u8; 3] {
        self.rgb[0]
    }

    /// Share of pixels, in the rows down to the last one that is not all paper, that are not paper.
    pub(crate) fn ink(&self) -> f64 {
        let paper = self.paper();
        let last = self.rgb.iter().rposition(|pixel| *pixel != paper).map_or(1, |last| last + 1);
        let inked = self.rgb[..last].iter().filter(|pixel| **pixel != paper).count();
        inked as f64 / last as f64
    }
}
