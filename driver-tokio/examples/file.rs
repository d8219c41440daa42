// A file over a stream. `file DIR INVITE` waits for files, `file DIR INVITE MEMBER FILE` sends one and is told what arrived.
use ifrit_tokio::{MemberId, MessageStream, builder};
use indicatif::{ProgressBar, ProgressStyle};
use sha2::{Digest, Sha256};
use std::path::{Path, PathBuf};
use tokio::fs::File;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

type Error = Box<dyn std::error::Error + Send + Sync>;

/// Bytes of one message.
const CHUNK: usize = 64 * 1024;

#[tokio::main]
async fn main() -> Result<(), Error> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let (dir, invite, what) = match &args[..] {
        [dir, invite] => (dir, invite, None),
        [dir, invite, member, file] => {
            (dir, invite, Some((member.parse::<MemberId>()?, PathBuf::from(file))))
        }
        _ => return Err("usage: file DIR INVITE [MEMBER FILE]".into()),
    };
    let inbox = Path::new(dir).join("received");
    let folder = inbox.clone();
    let take = move |stream: MessageStream| {
        let folder = folder.clone();
        async move {
            let from = stream.peer();
            match receive(stream, &folder).await {
                Ok(path) => println!("{} from {from}", path.display()),
                Err(error) => println!("nothing came of a file from {from}: {error}"),
            }
        }
    };
    let me = builder().data_dir(dir).invite(invite).on_stream(take).start().await?;
    me.joined().await?;
    let Some((to, file)) = what else {
        tokio::fs::create_dir_all(&inbox).await?;
        println!("files for {} go to {}", me.id(), inbox.display());
        return Ok(tokio::signal::ctrl_c().await?);
    };
    me.wait_for(move |view| view.member(&to).is_some_and(|member| member.state.is_live())).await?;
    send(me.open_stream(to).await?, &file).await?;
    Ok(me.leave().await?)
}

async fn send(mut stream: MessageStream, path: &Path) -> Result<(), Error> {
    let mut file = File::open(path).await?;
    let name = path.file_name().ok_or("that is no file")?.to_string_lossy();
    let bar = ProgressBar::new(file.metadata().await?.len());
    bar.set_style(ProgressStyle::with_template(
        "{wide_bar} {bytes}/{total_bytes} {binary_bytes_per_sec} {eta}",
    )?);
    stream.send(name.as_bytes()).await?;
    let (mut hash, mut chunk) = (Sha256::new(), vec![0; CHUNK]);
    loop {
        let read = file.read(&mut chunk).await?;
        if read == 0 {
            break;
        }
        hash.update(&chunk[..read]);
        stream.send(&chunk[..read]).await?; // waits for a receiver that is slower
        bar.inc(read as u64);
    }
    stream.finish().await?;
    bar.finish();
    // Only the receiver knows what it has.
    let theirs = stream.recv().await?.ok_or("the receiver did not say what arrived")?;
    if theirs[..] != hash.finalize()[..] {
        return Err("something else has arrived".into());
    }
    stream.recv().await?; // the end: both are done
    println!("{name} is there, whole");
    Ok(())
}

/// The name comes from the network: nothing but its last part is used, and no file is ever replaced.
async fn receive(mut stream: MessageStream, folder: &Path) -> Result<PathBuf, Error> {
    let name = String::from_utf8(stream.recv().await?.ok_or("no name")?)?;
    let path = folder.join(Path::new(&name).file_name().ok_or("no name")?);
    let file = File::create_new(&path).await?;
    if let Err(error) = fill(file, &mut stream).await {
        tokio::fs::remove_file(&path).await?;
        return Err(error);
    }
    stream.finish().await?;
    Ok(path)
}

async fn fill(mut file: File, stream: &mut MessageStream) -> Result<(), Error> {
    let mut hash = Sha256::new();
    while let Some(chunk) = stream.recv().await? {
        hash.update(&chunk);
        file.write_all(&chunk).await?;
    }
    file.sync_all().await?;
    Ok(stream.send(hash.finalize().to_vec()).await?)
}
