"""What is known of the rules, in sentences; always from a fit, never by heart."""

from depthbench.early_stopping.fitted import CONFIDENCE, Fit, FittedRule, Tally
from depthbench.spec import TrialSpec
from depthbench.spec.protocol import changed_fields, protocol_text
from depthbench.stop_rules import Chance, Learned


def measured_words(one: FittedRule) -> str:
    """How often the rule was wrong on trainings it was not chosen on, and its use."""
    return tally_words(one.measured_on)


def tally_words(found: Tally) -> str:
    """What a rule would have done to some full trainings."""
    if not found.num_stopped:
        return (
            f"of {found.num_trials} full trainings it would have stopped none; its "
            "error is unknown"
        )
    return (
        f"of {found.num_trials} full trainings it would have stopped "
        f"{found.num_stopped}, {found.num_wrong} of them wrongly (at most "
        f"{_percent(found.highest_wrong_share)} are, with {CONFIDENCE:.0%} confidence; "
        f"of those it can be wrong in, {found.num_wrong} of {found.num_opposite}, at "
        f"most {_percent(found.highest_false_stop_rate)}), and saved "
        f"{_percent(found.share_saved)} of the work"
    )


def settings_words(fit: Fit) -> str:
    """What the trainings of a fit were."""
    settings = fit.settings
    names = ", ".join(name for name, _ in settings.architectures)
    rates = ", ".join(f"{rate:g}" for rate in settings.lrs)
    return (
        f"{names} on {', '.join(settings.data)}, depths {settings.depths[0]} to "
        f"{settings.depths[1]}, learning rate {rates}"
    )


def differences(fit: Fit, spec: TrialSpec) -> list[str]:
    """In what a training differs from those of the fit, beside its depth and seed."""
    known = fit.settings
    names = [name for name, _ in known.architectures]
    pairs = (
        ("architecture", spec.architecture, spec.architecture in names),
        ("data", spec.data, spec.data in known.data),
        ("learning rate", f"{spec.lr:g}", spec.lr in known.lrs),
        ("train mode", spec.train_mode, spec.train_mode in known.train_modes),
        ("batch size", f"{spec.batch_size}", spec.batch_size == known.batch_size),
        ("momentum", f"{spec.momentum:g}", spec.momentum == known.momentum),
        ("weight decay", f"{spec.weight_decay:g}", spec.weight_decay == 0),
        ("initializer", spec.initializer, spec.initializer is None),
    )
    plain = [f"{what} {value}" for what, value, is_known in pairs if not is_known]
    changed = changed_fields(spec).items()
    return plain + [f"{_NAMES[name]} {protocol_text(value)}" for name, value in changed]


_NAMES = {
    "optimizer": "optimizer",
    "nesterov": "Nesterov's correction",
    "l2": "L2 penalty",
    "lr_milestones": "milestones",
    "lr_gamma": "factor at milestones",
    "num_validation": "images held out",
    "train_limit": "training images",
    "normalization": "normalization",
    "max_train_seconds": "limit in seconds",
}


def help_words(fit: Fit) -> str:
    """The measured errors of all rules, for the help of a flag."""
    parts = []
    for kind in (Chance.kind, Learned.kind):
        one = fit.of_kind(kind)
        said = measured_words(one) if one else "none was found to be safe"
        parts.append(f"{kind}: {said}")
    return "; ".join(parts)


def _percent(fraction: float) -> str:
    return f"{100 * fraction:.3g} %"
