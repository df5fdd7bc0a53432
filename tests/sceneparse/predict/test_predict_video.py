"""Videos, by the ffmpeg that imageio-ffmpeg brings."""

import json
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image
from small_model import save_small_model

from sceneparse.inference.loading import load_parser
from sceneparse.inference.views import Labels
from sceneparse.predict.drawing import Look, draw_overlay
from sceneparse.predict.predict import predict
from sceneparse.predict.video import _batches, _probe

FRAMES = 11
needs_ffmpeg = pytest.mark.usefixtures("ffmpeg")


@pytest.fixture(scope="module")
def ffmpeg():
    return pytest.importorskip("imageio_ffmpeg").get_ffmpeg_exe()


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return save_small_model(tmp_path_factory.mktemp("model"))


@pytest.fixture
def video(ffmpeg, tmp_path):
    """Make a video of odd sides, an NTSC rate, a name that looks like a protocol, and frames that all differ."""
    path = tmp_path / "file:a b.mkv"
    coarse = np.random.default_rng(0).integers(0, 256, (FRAMES, 3, 4, 3), np.uint8)
    frames = [Image.fromarray(frame).resize((81, 61), Image.Resampling.BICUBIC).tobytes() for frame in coarse]
    raw = ["-f", "rawvideo", "-pix_fmt", "rgb24", "-s", "81x61", "-r", "30000/1001", "-i", "pipe:0"]
    command = [ffmpeg, "-v", "error", *raw, "-c:v", "ffv1", f"file:{path}"]
    subprocess.run(command, input=b"".join(frames), check=True)
    return path


def frames_of(ffmpeg, path):
    stream = _probe(ffmpeg, path)
    return stream, np.concatenate([np.stack(batch) for batch in _batches(ffmpeg, path, stream, 4)])


def test_a_video_becomes_a_video_of_overlays(ffmpeg, model, video, tmp_path, monkeypatch, capsys):
    """At its rate; each frame is what a picture of it would be, but for H.264's losses; the legend is of all frames."""
    monkeypatch.chdir(tmp_path)
    predict([video.name], model, None, tmp_path / "out", 0.7, batch=4, as_json=True)
    shown = json.loads(capsys.readouterr().out)["pictures"][0]
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"file:a b_overlay.mp4", "file:a b_legend.png"}
    assert (shown["width"], shown["height"]) == (81, 61)

    before, originals = frames_of(ffmpeg, video)
    after, frames = frames_of(ffmpeg, tmp_path / "out/file:a b_overlay.mp4")
    assert before.rate == after.rate == "30000/1001"
    assert len(originals) == len(frames) == FRAMES
    assert (after.width, after.height) == (82, 62), "even"
    parser = load_parser(model, None)
    annotations = [parser.annotate(frame) for frame in originals]
    shown_by, look = (parser.classes, parser.colours), Look(0.7)
    pairs = zip(originals, annotations, strict=True)
    expected = np.stack([draw_overlay(*pair, *shown_by, look) for pair in pairs])
    away = [np.abs(frames[:, :61, :81].astype(int) - other).mean() for other in (expected, expected[::-1])]
    assert away[0] < min(12, 0.8 * away[1]), "frame by frame, in order, but for subsampled chroma"
    pixels = np.bincount(np.ravel(annotations), minlength=4)
    assert {row["class_id"]: row["share"] for row in shown["shares"]} == {
        value: count / pixels.sum() for value, count in enumerate(pixels.tolist()) if count
    }
    command = [ffmpeg, "-i", tmp_path / "out/file:a b_overlay.mp4"]
    said = subprocess.run(command, capture_output=True, text=True, check=False).stderr
    assert "Video: h264" in said
    assert "yuv420p(tv, bt709" in said


@needs_ffmpeg
def test_a_video_without_a_rate_is_labelled_at_a_usual_one(ffmpeg, tmp_path, capsys):
    """Frames at odd milliseconds, and no duration of one in the header, as browsers record: a clock of milliseconds."""
    path, duration, void = tmp_path / "recorded.mkv", bytes.fromhex("23e38384"), bytes.fromhex("ec86000000000000")
    odd = ["-vf", "settb=1/1000,setpts=N*33+mod(N*N\\,9)", "-fps_mode", "passthrough", "-enc_time_base", "1/1000"]
    source = ["-f", "lavfi", "-i", "testsrc=size=64x48:rate=30", "-frames:v", "60"]
    subprocess.run([ffmpeg, "-v", "error", *source, *odd, "-c:v", "ffv1", path], check=True)
    content = path.read_bytes()
    place = content.index(duration)
    path.write_bytes(content[:place] + void + content[place + len(void) :])
    stream, frames = frames_of(ffmpeg, path)
    assert stream.rate == "30/1"
    assert 59 <= len(frames) <= 61
    assert f"note: {path}: no constant rate is known (1000/1)" in capsys.readouterr().err


def test_frames_come_in_batches_of_a_bounded_size(ffmpeg, video, monkeypatch):
    stream = _probe(ffmpeg, video)

    def sizes(most):
        return [len(batch) for batch in _batches(ffmpeg, video, stream, most)]

    assert sizes(4) == [4, 4, 3]
    assert sizes(1) == FRAMES * [1]
    monkeypatch.setattr("sceneparse.predict.video.PIXELS", 2 * 81 * 61 + 5)
    assert sizes(4) == [2, 2, 2, 2, 2, 1]


def test_colours_come_back_as_they_went(ffmpeg, model, tmp_path, monkeypatch):
    """A colour of the legend is that colour in the video."""
    path = tmp_path / "plain.mp4"
    source = ["-f", "lavfi", "-i", "color=gray:size=64x48:rate=10,trim=end_frame=3"]
    subprocess.run([ffmpeg, "-v", "error", *source, path], check=True)

    def second(frames, *_):
        return [Labels(np.full(frame.shape[:2], 2, np.uint8)) for frame in frames]

    monkeypatch.setattr("sceneparse.predict.video.annotate", second)
    predict([str(path)], model, None, tmp_path / "out", 1.0)
    _, frames = frames_of(ffmpeg, tmp_path / "out/plain_overlay.mp4")
    assert np.abs(frames.astype(int) - load_parser(model, None).colours[2]).max() <= 4


@needs_ffmpeg
def test_a_video_that_cannot_be_used_is_reported_and_the_rest_goes_on(model, video, tmp_path, capsys):
    (tmp_path / "text.mp4").write_text("no video")
    (tmp_path / "empty.avi").touch()
    (tmp_path / "out/file:a b_overlay.mp4").mkdir(parents=True)  # in the way
    Image.new("RGB", (30, 20)).save(tmp_path / "a.png")
    names = [str(tmp_path / name) for name in ("text.mp4", "empty.avi", "a.png")]
    with pytest.raises(SystemExit):
        predict([*names, str(video)], model, None, tmp_path / "out", 0.5, as_json=True)
    said = capsys.readouterr()
    assert ["error" in told for told in json.loads(said.out)["pictures"]] == [True, True, False, True]
    assert said.err.count("the video cannot be read") == 2
    assert "the predictions cannot be written" in said.err
    assert not list((tmp_path / "out").glob(".*")), "nothing half-written stays"


@needs_ffmpeg
def test_an_encoder_that_fails_is_no_success(model, video, tmp_path, monkeypatch):
    """Its end is heard, also when it ends before all frames are there."""
    monkeypatch.setattr("sceneparse.predict.video.FILTER", "no_such_filter")
    with pytest.raises(SystemExit):
        predict([str(video)], model, None, tmp_path / "out", 0.5)
    assert not list((tmp_path / "out").iterdir())


@needs_ffmpeg
def test_no_process_outlives_a_defect(model, video, tmp_path, monkeypatch):
    started = []
    popen = subprocess.Popen
    monkeypatch.setattr(subprocess, "Popen", lambda *a, **k: started.append(popen(*a, **k)) or started[-1])

    def broken(*_):
        raise KeyError

    monkeypatch.setattr("sceneparse.predict.video.annotate", broken)
    with pytest.raises(KeyError):
        predict([str(video)], model, None, tmp_path / "out", 0.5)
    assert len(started) >= 3
    assert all(process.poll() is not None for process in started)


def test_without_the_package_the_error_says_how_to_get_it(model, tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "imageio_ffmpeg", None)
    (tmp_path / "a.mp4").touch()
    with pytest.raises(SystemExit):
        predict([str(tmp_path / "a.mp4")], model, None, tmp_path / "out", 0.5)
    assert "pip install -c constraints.txt -e '.[video]'" in capsys.readouterr().err


@needs_ffmpeg
def test_a_playlist_reads_no_other_file(ffmpeg, model, video, tmp_path, monkeypatch, capsys):
    """Write a list of files by content, which ffmpeg would read whatever its name is."""
    video.rename(tmp_path / "other.mkv")
    (tmp_path / "list.mp4").write_text("ffconcat version 1.0\nfile other.mkv\n")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit):
        predict(["list.mp4"], model, None, tmp_path / "out", 0.7)
    assert "not on whitelist" in capsys.readouterr().err
    assert not [*(tmp_path / "out").iterdir()]
