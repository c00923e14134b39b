"""Products of matrices by either library."""

import os
import subprocess
import sys

import pytest
import torch

from sk_sdlr.steps import _matmul
from sk_sdlr.steps._matmul import HAS_ONEDNN, addmm_, affine, affine_into, mm

M, K, N = 33, 17, 29


@pytest.fixture(params=["torch", "onednn"])
def library(request, monkeypatch):
    """Either library, for products of any size; the calls of oneDNN's operator."""
    if request.param == "onednn" and not HAS_ONEDNN:
        pytest.skip("needs AVX-512 and a torch with oneDNN")
    calls = []

    def counted(*arguments):
        calls.append(arguments)
        return torch.ops.mkldnn._linear_pointwise(*arguments)

    monkeypatch.setattr(_matmul, "USES_ONEDNN", request.param == "onednn")
    monkeypatch.setattr(_matmul, "ONEDNN_FROM", 0)
    monkeypatch.setattr(_matmul, "_LINEAR", counted)
    yield request.param
    assert bool(calls) == (request.param == "onednn")


def matrix(rows, columns, transposed=False):
    return torch.randn(columns, rows).t() if transposed else torch.randn(rows, columns)


def exactly(a, b):
    return (a.double() @ b.double()).float()


@pytest.mark.parametrize("out_transposed", [False, True])
@pytest.mark.parametrize("b_transposed", [False, True])
@pytest.mark.parametrize("a_transposed", [False, True])
def test_product_of_any_strides(library, a_transposed, b_transposed, out_transposed):
    a, b = matrix(M, K, a_transposed), matrix(K, N, b_transposed)
    out = matrix(M, N, out_transposed)
    mm(a, b, out=out)
    torch.testing.assert_close(out, exactly(a, b), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("alpha", [1.0, -0.3])
@pytest.mark.parametrize("beta", [0.0, 1.0, 0.9])
def test_scaled_product_is_added_to_what_was_there(library, beta, alpha):
    a, b, before = matrix(M, K), matrix(K, N), matrix(M, N)
    out = before.clone()
    addmm_(out, a, b, beta=beta, alpha=alpha)
    expected = beta * before + alpha * exactly(a, b)
    torch.testing.assert_close(out, expected, rtol=1e-5, atol=1e-5)


def test_with_a_beta_of_zero_nothing_that_was_there_counts(library):
    a, b, out = matrix(M, K), matrix(K, N), torch.full((M, N), torch.nan)
    addmm_(out, a, b, beta=0, alpha=2)
    torch.testing.assert_close(out, 2 * exactly(a, b), rtol=1e-5, atol=1e-5)


def test_part_of_a_larger_matrix_is_written_alone(library):
    a, b, whole = matrix(M, K), matrix(K, N), torch.zeros(M + 1, N)
    mm(a, b, out=whole[:-1])
    torch.testing.assert_close(whole[:-1], exactly(a, b), rtol=1e-5, atol=1e-5)
    assert not whole[-1].any()


@pytest.mark.parametrize("activation", ["none", "sigmoid"])
@pytest.mark.parametrize("has_bias", [False, True])
@pytest.mark.parametrize("weight_transposed", [False, True])
@pytest.mark.parametrize("x_transposed", [False, True])
def test_affine_map_and_its_sigmoid(library, x_transposed, weight_transposed, has_bias, activation):
    x, weight = matrix(M, K, x_transposed), matrix(N, K, weight_transposed)
    bias = torch.randn(N) if has_bias else None
    expected = exactly(x, weight.t()) + (bias if has_bias else 0)
    expected = expected.sigmoid() if activation == "sigmoid" else expected
    out = affine(x, weight, bias, activation)
    torch.testing.assert_close(out, expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("alpha", [1.0, -0.3])
@pytest.mark.parametrize("has_bias", [False, True])
def test_scaled_affine_map_into_a_buffer(library, has_bias, alpha):
    x, weight = matrix(M, K), matrix(N, K)
    bias = torch.randn(N) if has_bias else None
    expected = alpha * exactly(x, weight.t()) + (bias if has_bias else 0)
    result = affine_into(torch.full((M, N), torch.nan), x, weight.t(), bias, alpha)
    torch.testing.assert_close(result, expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("activation", ["none", "sigmoid"])
def test_affine_map_in_bfloat16_comes_back_in_float32(activation):
    x, weight, bias = matrix(M, K), matrix(N, K), torch.randn(N)
    exact = affine(x, weight, bias, activation)
    out = affine(x, weight, bias, activation, torch.bfloat16)
    assert out.dtype == torch.float32
    assert not torch.equal(out, exact)
    torch.testing.assert_close(out, exact, rtol=0.05, atol=0.05)


@pytest.mark.parametrize("case", ["small", "float64"])
def test_small_and_float64_matmul_are_left_to_torch(monkeypatch, case):
    monkeypatch.setattr(_matmul, "_LINEAR", None)  # raises if it is called
    monkeypatch.setattr(_matmul, "USES_ONEDNN", True)
    dtype = torch.float64 if case == "float64" else torch.float32
    size = 10 if case == "small" else 200
    a, b, out = (torch.rand(size, size, dtype=dtype) for _ in range(3))
    mm(a, b, out=out)
    torch.testing.assert_close(out, a @ b)


# Which library


@pytest.mark.parametrize("library", ["mkl", "onednn"])
def test_environment_variable_fixes_the_library(library):
    result = in_process(library)
    assert result.returncode == 0
    assert result.stdout.strip() == str(HAS_ONEDNN and library == "onednn")


def test_another_value_of_the_environment_variable_is_an_error():
    message = "SK_SDLR_MATMUL must be 'auto', 'mkl' or 'onednn'. Got 'blas' instead."
    result = in_process("blas")
    assert result.returncode
    assert message in result.stderr


def in_process(library):
    """Import the module in a process of its own, in which the variable is set."""
    code = "from sk_sdlr.steps._matmul import USES_ONEDNN; print(USES_ONEDNN)"
    environment = os.environ | {"SK_SDLR_MATMUL": library}
    command = [sys.executable, "-c", code]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
