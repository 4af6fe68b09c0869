"""What lies where a data set was looked for, or near it, when it is not found there."""

import shlex
from collections.abc import Iterable, Sequence
from pathlib import Path

from depthbench import runtime


def with_data_dir(command: str, data_dir: Path) -> str:
    """The command as it has to be typed to act on `data_dir`."""
    if data_dir == runtime.default_data_dir():
        return command
    return f"{command} --data-dir {shlex.quote(str(data_dir))}"


def files_instead(
    files: Sequence[str], data_dir: Path, folder: str, archive: str | None
) -> str | None:
    """Where the missing files are under another name, packed or elsewhere; what to do.

    Args:
        files: That are missing, by name.
        data_dir: Folder of all data sets.
        folder: Of these files, under that of all data sets.
        archive: That the files are published in, by name; None if each is its own.
    """
    place, here = data_dir / folder, Path.cwd()
    for each in _places(data_dir, folder, here):
        names = _names(each)
        if archive is not None and archive in names:
            return f"{each / archive} is still packed: unpack it in {data_dir}"
        for file in files:
            for name in names:
                if _plain(name) == _plain(file) and (found := _file(each / name)):
                    others = ", and the others alike" * (len(files) > 1)
                    steps = _steps(found, place / file, folder)
                    return f"there is {found}: {steps}{others}"
    return None


def _places(data_dir: Path, folder: str, here: Path) -> Iterable[Path]:
    """Where people put such files, the right place first, each once."""
    top = Path(folder).parts[0]
    below = [data_dir / name for name in _names(data_dir)]
    bases = [data_dir, here, *(each for each in below if each.is_dir())]
    return dict.fromkeys(
        each for base in bases for each in (base / folder, base / top, base)
    )


def _file(path: Path) -> Path | None:
    """The path, or what some unpackers make of it: a file in a folder of its name."""
    return next((each for each in (path, path / path.name) if each.is_file()), None)


def _steps(found: Path, wanted: Path, folder: str) -> str:
    name = found.name
    depth = len(Path(folder).parts)
    base = found.parents[depth] if depth < len(found.parents) else found
    if name == wanted.name and base / folder == found.parent:
        return f"say --data-dir {shlex.quote(str(base))}"
    steps = []
    if name.endswith(".gz"):
        steps.append("unpack it (gunzip)")
        name = name.removesuffix(".gz")
    if name != wanted.name:
        steps.append(f"rename it to {wanted.name}")
    if found.parent != wanted.parent:
        steps.append(f"move it to {wanted.parent}")
    return ", ".join(steps)


def _plain(name: str) -> str:
    return name.lower().removesuffix(".gz").replace(".", "-").replace("_", "-")


_SPLITS = {
    "train": ("train", "training"),
    "test": ("test", "testing", "val", "valid", "validation", "dev"),
}


def split_instead(name: str, folder: Path, split: str) -> str | None:
    """What is there in place of the folder `split` of a folder of images; what to do.

    Args:
        name: Of the data set, as users write it.
        folder: Of the data set.
        split: `train` or `test`.
    """
    path = name.partition(":")[2]
    if folder.is_dir():
        return _in_folder(path, folder, split)
    archive = folder.with_name(f"{folder.name}.zip")
    for each in (folder, archive):
        if each.is_file():
            return f"{each} is a file: unpack it and name the folder that holds train"
    beside = Path.cwd() / path
    if (beside / split).is_dir():
        return f"there is {beside}: write {_data(str(beside))}"
    return None


def _in_folder(path: str, folder: Path, split: str) -> str | None:
    names = _names(folder)
    for name in names:
        if name.lower() in _SPLITS[split] and (folder / name).is_dir():
            return f"there is {folder / name}: rename it to {split}"
    if folder.name in _SPLITS["train"] and (folder.parent / split).is_dir():
        above = path.rstrip("/").rpartition("/")[0] or str(folder.parent)
        return f"there is {folder.parent / split}: write {_data(above)}"
    for name in names:
        if (folder / name / split).is_dir():
            deeper = f"{path.rstrip('/')}/{name}"
            return f"there is {folder / name / split}: write {_data(deeper)}"
    return None


def _data(path: str) -> str:
    return f"--data {shlex.quote(f'folder:{path}')}"


def _names(place: Path) -> Sequence[str]:
    try:
        return sorted(each.name for each in place.iterdir())
    except OSError:
        return ()
