"""The toy systems of the thesis: what is run, and what is claimed of it."""

from benchmarks.thesis.tables import Ordering, Row, Table

__all__ = ["TABLES"]


def _modes(label: str, spec: str, evaluations: str) -> Row:
    return Row(f"{label}, {evaluations} evaluation{'s' if evaluations != '1' else ''}", spec, MODES)


def _flow(thesis: str) -> tuple[tuple[str, str], ...]:
    return ("nats", thesis), ("log_integral", "")


def _nats(vae: str, vaebm: str) -> tuple[tuple[str, str], ...]:
    """Both log-likelihoods with the standard errors over the test points, and the error of the quadrature."""
    errors = ("vae_nats.error", ""), ("vaebm_nats.error", ""), ("log_z.error", "")
    return (("vae_nats", vae), errors[0], ("vaebm_nats", vaebm), *errors[1:])


MODES = (("modes", ""), ("within", ""), ("modes_kl", ""))
DDGAN, GAN, WGAN = "thesis/ddgan_gaussians25", "zoo/gan_gaussians25", "zoo/wgan_gp_gaussians25"
DDPM, DDPM4, DDPM500 = "zoo/ddpm_gaussians25", "zoo/ddpm4_gaussians25", "zoo/ddpm500_gaussians25"
VAEBM, ROLL = "thesis/vaebm_gaussians25", "thesis/vaebm_swiss_roll"
ODE, SHORT = "thesis/ode_flow", "thesis/short_run"
REALNVP = "thesis/realnvp_tilted"
SHARES = ("within_before", ""), ("within", "")

TABLES: tuple[Table, ...] = (
    Table(
        "VAEBM against its VAE (4.4.1): log-likelihood of test points, in nats",
        ("VAE (IWAE)", "its error", "VAEBM", "its error", "error of log Z", "share within 3 std, VAE", "VAEBM"),
        (
            *(
                Row(
                    f"25 Gaussians, {label}",
                    f"{VAEBM}{ending}",
                    (*_nats("-2.97", "-1.50"), ("within_before", ""), ("within", "")),
                )
                for label, ending in (
                    ("chains in noise space", ""),
                    ("chains over values", "_values"),
                    ("noise space, memory", "_memory"),
                    ("values, memory", "_values_memory"),
                )
            ),
            Row("Swiss roll, chains in noise space", ROLL, (*_nats("", ""), ("", ""), ("", ""))),
        ),
        (
            Ordering("VAEBM is likelier than its VAE on 25 Gaussians", (VAEBM, "vaebm_nats"), (VAEBM, "vae_nats")),
            Ordering("VAEBM is likelier than its VAE on the Swiss roll", (ROLL, "vaebm_nats"), (ROLL, "vae_nats")),
            Ordering("the energy removes samples between the modes", (VAEBM, "within"), (VAEBM, "within_before")),
        ),
        "The truth has -1.10 nats on the 25 Gaussians of std 0.084, 1 apart (closed form), as in the thesis. log Z is "
        "a trapezoid sum over 160 x 160 cells, its error the difference from half as many. The pictures before and "
        "after are from the same noise. A sharp picture says little about the density: one earlier trial over values, "
        "with an L2 of the energies of 0.002 and a decoder's std of 0.3, had 0.85 within and -3.65 nats, as it "
        "weighed the modes wrongly. Steps decide: in noise space, "
        "which the decoder's slope of 2 makes stiff, 0.003 in place of 0.001 gave -2.51 nats, and with memory, whose "
        "chains are longer, -3.25 (seed 0).",
    ),
    Table(
        "Energies as flows and generators (5.5): log-likelihood of test points, in nats",
        ("log-likelihood", "log of its integral"),
        (
            Row("Swiss roll, by likelihood", f"{ODE}_swiss_roll", _flow("-0.69")),
            Row("Swiss roll, by contrast", f"{ODE}_swiss_roll_contrast", _flow("-0.86")),
            Row("9 Gaussians, by likelihood", f"{ODE}_gaussians9", _flow("-1.47")),
            Row("9 Gaussians, by contrast", f"{ODE}_gaussians9_contrast", _flow("-1.95")),
        ),
        tuple(
            Ordering(
                f"likelihood training is likelier than contrast on {name}",
                (f"{ODE}_{data}", "nats"),
                (f"{ODE}_{data}_contrast", "nats"),
            )
            for name, data in (("the Swiss roll", "swiss_roll"), ("9 Gaussians", "gaussians9"))
        ),
        "Both objectives make 800 steps (3,000 in the thesis), contrast with a learning rate of 3e-4 in place of "
        "1e-3: at 1e-3 it draws the Swiss roll into ridges that solver and quadrature lose (logs of the integral "
        "of -0.33, 0.05 and 0.05 for seeds 0 to 2, and no likelier). A step by contrast costs a tenth of one by "
        "likelihood: given 3,000 of them at 1e-3, contrast had -1.39 and -1.80 nats on the Swiss roll (seeds 0, 1)"
        " and -1.46 and -1.87 on the 9 Gaussians, where likelihood's 800 had -1.68 and -1.76: for equal time the "
        "second ordering is open. A log of the integral within 0.01 of 0 is a density within 1 %, by 240 x 240 "
        "cells of 0.05.",
    ),
    Table(
        "Dynamics of energies on 9 Gaussians (Table 5.1 has FID on MNIST)",
        ("MMD^2", "share within 3 std"),
        tuple(
            Row(label, f"{SHORT}_{name}", (("distance", f"FID {fid}"), ("within", "")))
            for label, name, fid in (
                ("noisy", "noisy", "15.4"),
                ("noise-free", "noise_free", "11.7"),
                ("noise-free, generator loss", "generator_loss", "7.7"),
            )
        ),
        (
            Ordering(
                "noise-free is nearer to the data than noisy",
                (f"{SHORT}_noise_free", "distance"),
                (f"{SHORT}_noisy", "distance"),
                higher=False,
            ),
            Ordering(
                "the generator loss is sharper than without it",
                (f"{SHORT}_generator_loss", "within"),
                (f"{SHORT}_noise_free", "within"),
            ),
        ),
        "Data of std 0.1, as narrow as a step's noise. On wider data, of std 0.15, the two are alike (seed 0: an MMD^2 "
        "of 0.00025 with noise, 0.00050 without, 0.76 and 0.75 within). Longer training, of 4,000 steps, ends with "
        "noise in divergence (seed 0), and so does any on narrower data, of std 0.07 (both seeds tried), as the thesis "
        "saw on CIFAR-10 (Figure 5.9).",
    ),
    Table(
        "25 Gaussians (6.4.3): modes of 25 found, share within 3 std, KL of the modes",
        ("modes", "share within 3 std", "KL of modes"),
        (
            _modes("GAN", GAN, "1"),
            _modes("WGAN-GP", WGAN, "1"),
            _modes("DDPM", DDPM4, "4"),
            _modes("DDPM", DDPM, "100"),
            _modes("DDPM", DDPM500, "500"),
            _modes("DDGAN, T = 4", DDGAN, "4"),
        ),
        (
            Ordering(
                "DDGAN spreads over the modes more evenly than the GAN",
                (DDGAN, "modes_kl"),
                (GAN, "modes_kl"),
                higher=False,
            ),
            Ordering("DDGAN is sharper than WGAN-GP", (DDGAN, "within"), (WGAN, "within")),
            Ordering("DDGAN in 4 steps is sharper than diffusion in 4", (DDGAN, "within"), (DDPM4, "within")),
            Ordering("diffusion in 100 steps is sharper than in 4", (DDPM, "within"), (DDPM4, "within")),
        ),
        "The thesis shows pictures only (Figure 6.9): the GAN collapses, WGAN-GP blurs, DDGAN has all 25. Here the GAN "
        "covers the modes, unevenly. Diffusion needs its steps: even the exact denoiser, in closed form, has 0.19, "
        "0.53, 0.94, 0.996 and 0.996 within for 4, 10, 25, 100 and 500 of them, so that 100 and 500 cannot be told "
        "apart on these data. The adversarial systems make 16,000 steps (WGAN-GP 3,000 of 5 + 1) where the thesis makes"
        " 50,000; after 8,000 DDGAN had 0.58 within and a KL of 0.027 (seed 0).",
    ),
    Table(
        "DDGAN's ablations on 25 Gaussians (Table 6.2 has FID on CIFAR-10)",
        ("modes", "share within 3 std", "KL of modes"),
        tuple(
            Row(label, f"{DDGAN}{ending}", (("modes", ""), ("within", f"FID {fid}" if fid else ""), ("modes_kl", "")))
            for label, ending, fid in (
                ("T = 1", "_t1", "14.6"),
                ("T = 2", "_t2", "4.08"),
                ("T = 4", "", "3.75"),
                ("T = 8", "_t8", "4.36"),
                ("one-shot with augmentation", "_one_shot", "13.2"),
                ("direct denoising", "_direct", "6.03"),
                ("noise generation", "_noise", "8.04"),
                ("no latent variable", "_no_latent", "20.6"),
                ("T = 1, without R1", "_t1_no_r1", ""),
                ("T = 4, without R1", "_no_r1", ""),
            )
        ),
        (
            *(
                Ordering(
                    f"4 steps spread more evenly than 1{what}",
                    (f"{DDGAN}{four}", "modes_kl"),
                    (f"{DDGAN}{one}", "modes_kl"),
                    higher=False,
                )
                for what, four, one in (("", "", "_t1"), (", without R1", "_no_r1", "_t1_no_r1"))
            ),
            Ordering("a latent variable sharpens", (DDGAN, "within"), (f"{DDGAN}_no_latent", "within")),
        ),
        "In the plane R1 is enough: with it the GAN of T = 1 covers all modes, so that the thesis' gain of T = 4 over T"
        " = 1 shows only without it. Without a latent variable the steps blur.",
    ),
    Table(
        "Digits of 8 x 8 (Table 3.1 has FID on MNIST): squared Frechet distance of the pixels",
        ("distance",),
        tuple(
            Row(label, f"thesis/{name}", (("frechet", f"FID {fid}" if fid else ""),), settings)
            for label, name, fid, settings in (
                ("GLF", "glf", "8.2", ()),
                ("regularised GLF", "glf_regularised", "", ()),
                ("VAE, beta 1", "vae", "28.2", ("params.beta=1",)),
                ("VAE, beta 0.1", "beta_vae", "", ("params.beta=0.1",)),
                ("VAE + flow prior, beta 1", "vae_flow_prior", "28.3", ("params.beta=1",)),
                ("GLF tilted by an energy (ours)", "glf_tilted", "", ()),
                ("DDGAN on codes (ours)", "ddgan_digits_latent", "", ()),
            )
        ),
        (
            Ordering(
                "GLF is nearer to the data than the VAE",
                ("thesis/glf", "frechet"),
                ("thesis/vae", "frechet"),
                higher=False,
            ),
            Ordering(
                "GLF is nearer than the VAE with a flow prior",
                ("thesis/glf", "frechet"),
                ("thesis/vae_flow_prior", "frechet"),
                higher=False,
            ),
            Ordering(
                "DDGAN draws the codes better than a Gaussian",
                ("thesis/ddgan_digits_latent", "frechet"),
                ("thesis/ddgan_digits_latent", "frechet_gaussian"),
                higher=False,
            ),
        ),
        "Pixels, not features of a network, and 360 test images against as many samples: the numbers are not FIDs. A "
        "VAE with beta 0.1 does as well as GLF here: at this size most of the gap to the VAE is the weight of its KL. "
        "For the same reason a Gaussian draws codes well where a KL of 0.005 shaped them (0.50, DDGAN 0.86, seed 0); "
        "with 0.0001 they are no Gaussian's.",
    ),
    Table(
        "Other models tilted by energies: share within 3 std, log-likelihood of test points",
        ("share before", "share after", "nats before", "nats after"),
        (
            Row("RealNVP on 9 Gaussians, energy", REALNVP, (*SHARES, ("flow_nats", ""), ("tilted_nats", ""))),
            Row("GAN on 25 Gaussians, its critic (DDLS)", "zoo/gan_tilted", (*SHARES, ("", ""), ("", ""))),
        ),
        (
            Ordering("the tilt sharpens the flow", (REALNVP, "within"), (REALNVP, "within_before")),
            Ordering("the tilted flow is likelier than the flow", (REALNVP, "tilted_nats"), (REALNVP, "flow_nats")),
            Ordering("the tilt sharpens the GAN", ("zoo/gan_tilted", "within"), ("zoo/gan_tilted", "within_before")),
        ),
        "The size of the energies decides whether a sharper flow is likelier too: with 0.05 in place of 0.3 before"
        " their squares, the samples were sharper still (0.97 within), and the densities -1.46, -1.56 and -2.34 "
        "nats (seeds 0 to 2), as an energy is deep where no chain has been. Steps of 0.02 had -5.38 (seed 0). The "
        "GAN's samples sharpen within the modes, but spread over them less evenly (seed 0: a KL of 1.11 after, "
        "0.53 alone).",
    ),
)
