"""What every key of a spec means, in a line: an editor shows it where the key is written."""

from collections.abc import Mapping

from compose.spec import (
    BlockDeclaration,
    DataSource,
    Evaluation,
    Fit,
    Gradients,
    Optimizer,
    OptimizerOverride,
    Record,
    RunOptions,
    Spec,
    Stage,
    Term,
    Update,
    Weights,
)

__all__ = ["MEANING"]

OF_AN_UPDATE = {
    "name": "What logs call it; by default its number.",
    "train": "The blocks that are trained; all others are constants. By default those that a gradient reaches.",
    "minimize": "Terms by name, added up. Each is one number per sample, whose mean over the batch is taken.",
    "maximize": "Terms by name, each with a minus.",
    "monitor": "Values by name that are logged and not trained on.",
    "optimizer": "The optimizer and its options; by default Adam at 1e-3.",
    "gradients": "How gradients are clipped.",
    "project": "What happens to a block's weights after the step: `unit_ball`, or `{clip: 0.01}`.",
    "ema": "The decay of the average of each block's weights; samplers use the average.",
    "every": "The update takes part in every k-th step only.",
    "times": "How often the update is made in a step.",
    "batch": "Whether several times see the same batch or the next one.",
    "write": "What each memory keeps after the step.",
}

MEANING: Mapping[type[Record], Mapping[str, str]] = {
    Spec: {
        "compose": "The version of the language: 1.",
        "name": "What the spec is called; its runs lie in runs/NAME.",
        "extends": "A spec whose keys hold where this one has none: a name of the library, or a file.",
        "params": "Numbers and words by name, which stand wherever a number may.",
        "data": "The source of data, or several by name; its fields (`x`, `y`) are names in expressions.",
        "blocks": "What owns parameters or state, by name: declared once, called many times.",
        "models": "What is random, by name: a program whose last line is observed, or an expression.",
        "graph": "Values by name, computed from the batch, from top to bottom.",
        "stages": "Training, one stage after the other.",
        "samplers": "What is drawn from the trained blocks, by name.",
        "evaluate": "What is measured, by name: a metric, or a value per sample of the test split.",
        "run": "Seed, precision, device, intervals.",
    },
    Evaluation: {
        "every": "How often to measure while training: `5 epochs`, `500 steps`; without it, where stages end.",
        "keep": "Whose best checkpoint is kept: `best NAME`, `lowest NAME`, `highest NAME`.",
        "patience": "A stage ends after so many evaluations in a row that are no better.",
    },
    DataSource: {
        "source": "The name of the data set; `compose list data` shows them all.",
        "batch_size": "How many samples a step reads.",
    },
    BlockDeclaration: {
        "kind": "Which block it is; `compose list blocks` shows them all.",
        "weights": "Where its weights come from: a block of a run, or a file.",
        "trainable": "Whether it may be trained at all.",
        "like": "The value whose shape it makes; by default the data's `x`, or its input.",
    },
    Weights: {
        "run": "The folder of a run.",
        "block": "The block of that run; by default the one of the same name.",
        "file": "A file of weights.",
    },
    RunOptions: {
        "seed": "All noise and all first weights follow from it.",
        "precision": "Of the numbers: 32 bits, or mixed.",
        "device": "Where to compute; `auto` takes a GPU if there is one.",
        "devices": "How many processes on each machine, a device each; they share every batch.",
        "nodes": "How many machines.",
        "strategy": "`ddp` (`auto`): all processes hold all; `sharded`: each a part of what optimizers keep.",
        "out": "The folder of the run; by default runs/NAME/seed-S.",
        "log_every": "Steps between two logged rows.",
        "checkpoint_every": "Steps between two checkpoints.",
        "sample_every": "Steps between two pictures of every sampler; by default at the end of a stage.",
        "threads": "How many threads compute.",
        "workers": "How many threads read the next batches while a step is computed; 0: each is read in its step.",
        "accumulate": "In how many parts a batch is computed, one after the other, before an update takes its step.",
        "preemption": "The signal by which a scheduler takes the machine: the run saves, and exits with 75.",
        "on_nan": "What to do where a value is not finite: `stop`, or `rollback` to the last good checkpoint.",
        "rollbacks": "How often a run rolls back before it stops.",
    },
    Stage: {
        **OF_AN_UPDATE,
        "epochs": "How long: passes over the data.",
        "steps": "How long: steps.",
        "updates": "Several updates a step, one after the other, each with its own `train`.",
        "copy": "Blocks whose weights are copied from another block at the start.",
        "fit": "Blocks that are fitted in closed form or by EM, on a value.",
        "shared": "Values that are computed once a step and used by all its updates.",
        "bound": "Terms and monitored values beyond whose magnitude the stage ends, with the weights before.",
        "mode": "Blocks that are in `train` or `eval` mode whatever is trained.",
    },
    Update: OF_AN_UPDATE,
    Term: {"value": "The term: one number per sample, or a constant.", "every": "It takes part in every k-th step."},
    Fit: {"value": "The value that the block is fitted to."},
    Optimizer: {
        "kind": "Which optimizer; `compose list optimizers` shows them all.",
        "lr": "The learning rate: a number, or an expression of the clock such as `cosine(1e-3, 1e-5)`.",
        "blocks": "What differs for single blocks: their learning rate, weight decay ...",
    },
    OptimizerOverride: {"lr": "The learning rate of this block."},
    Gradients: {
        "norm": "The largest norm of all gradients together.",
        "value": "The largest absolute value of an entry.",
        "sigma": "Entries beyond so many standard deviations, by Adam's second moment, are clipped.",
    },
}
