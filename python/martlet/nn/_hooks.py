"""Hooks of modules, and the call of a module that has some."""
from __future__ import annotations

import warnings
from collections import OrderedDict

import martlet as mt
from martlet._tensor import Tensor
from martlet.utils.hooks import RemovableHandle

# Hooks that fire for every module, filled by the register_module_* functions of nn.modules.module.
global_forward_hooks = OrderedDict()
global_forward_pre_hooks = OrderedDict()
global_forward_hooks_always_called = OrderedDict()
global_backward_hooks = OrderedDict()
global_backward_pre_hooks = OrderedDict()


def add_hook(hooks, hook, prepend=False, extra_dict=None, flags=()):
    """Put ``hook`` in ``hooks`` under a new handle, mark it in each of ``flags``, and return the handle."""
    handle = RemovableHandle(hooks, extra_dict=extra_dict)
    hooks[handle.id] = hook
    for flag in flags:
        flag[handle.id] = True
    if prepend:
        hooks.move_to_end(handle.id, last=False)
    return handle


class HookMethods:
    """The register_*_hook methods of Module."""

    def register_forward_pre_hook(self, hook, *, prepend=False, with_kwargs=False):
        """Call ``hook(module, args)`` before forward; what it returns replaces the arguments.

        With ``with_kwargs`` it is ``hook(module, args, kwargs)`` and returns None or (args, kwargs).
        """
        flags = (self._forward_pre_hooks_with_kwargs,)
        return add_hook(self._forward_pre_hooks, hook, prepend, flags, flags if with_kwargs else ())

    def register_forward_hook(self, hook, *, prepend=False, with_kwargs=False, always_call=False):
        """Call ``hook(module, args, output)`` after forward; a result that is not None replaces the output.

        With ``with_kwargs`` it is ``hook(module, args, kwargs, output)``. With ``always_call`` it
        also runs when forward raised (the output is None then).
        """
        flags = ((self._forward_hooks_with_kwargs,) if with_kwargs else ()) + (
            (self._forward_hooks_always_called,) if always_call else ())
        extra = (self._forward_hooks_with_kwargs, self._forward_hooks_always_called)
        return add_hook(self._forward_hooks, hook, prepend, extra, flags)

    def register_full_backward_pre_hook(self, hook, prepend=False):
        """Call ``hook(module, grad_output)`` before the module's backward; a result replaces grad_output."""
        return add_hook(self._backward_pre_hooks, hook, prepend)

    def register_full_backward_hook(self, hook, prepend=False):
        """Call ``hook(module, grad_input, grad_output)`` once the gradients of the inputs are known.

        A result that is not None replaces grad_input.
        """
        if self._is_full_backward_hook is False:
            raise RuntimeError(
                "Cannot use both regular backward hooks and full backward hooks on a "
                "single Module. Please use only one of them.")
        self._is_full_backward_hook = True
        return add_hook(self._backward_hooks, hook, prepend)

    def register_backward_hook(self, hook):
        """The older spelling of register_full_backward_hook, and with its meaning."""
        if self._is_full_backward_hook is True:
            raise RuntimeError(
                "Cannot use both regular backward hooks and full backward hooks on a "
                "single Module. Please use only one of them.")
        self._is_full_backward_hook = False
        return add_hook(self._backward_hooks, hook)


def call_with_hooks(module, args, kwargs):
    """Run ``module.forward`` with every hook that applies to it."""
    state = {"args": args, "kwargs": kwargs, "output": None}
    called = set()
    try:
        return _run(module, state, called)
    except Exception:
        _run_always_called(module, state, called)
        raise


def _run(module, state, called):
    for hook in tuple(global_forward_pre_hooks.values()):
        _replace_args(state, hook(module, state["args"]))
    for key, hook in tuple(module._forward_pre_hooks.items()):
        if key in module._forward_pre_hooks_with_kwargs:
            result = hook(module, state["args"], state["kwargs"])
            if result is not None:
                if not (isinstance(result, tuple) and len(result) == 2):
                    raise RuntimeError(
                        "forward pre-hook must return None or a tuple of (new_args, new_kwargs), "
                        f"but got {result}.")
                state["args"], state["kwargs"] = result
        else:
            _replace_args(state, hook(module, state["args"]))

    backward = None
    if (module._backward_hooks or module._backward_pre_hooks
            or global_backward_hooks or global_backward_pre_hooks):
        backward = BackwardHooks(module)
        state["args"] = backward.watch_inputs(state["args"])

    state["output"] = module.forward(*state["args"], **state["kwargs"])

    for key, hook in tuple(global_forward_hooks.items()):
        called.add(key)
        _replace_output(state, hook(module, state["args"], state["output"]))
    for key, hook in tuple(module._forward_hooks.items()):
        called.add(key)
        if key in module._forward_hooks_with_kwargs:
            result = hook(module, state["args"], state["kwargs"], state["output"])
        else:
            result = hook(module, state["args"], state["output"])
        _replace_output(state, result)
    if backward is not None:
        state["output"] = backward.watch_outputs(state["output"])
    return state["output"]


def _replace_args(state, result):
    if result is not None:
        state["args"] = result if isinstance(result, tuple) else (result,)


def _replace_output(state, result):
    if result is not None:
        state["output"] = result


def _run_always_called(module, state, called):
    """After an error, run the hooks registered with always_call that have not run; their errors only warn."""
    pending = [(key, hook, False) for key, hook in global_forward_hooks.items()
               if key in global_forward_hooks_always_called]
    pending += [(key, hook, key in module._forward_hooks_with_kwargs)
                for key, hook in module._forward_hooks.items()
                if key in module._forward_hooks_always_called]
    for key, hook, with_kwargs in pending:
        if key in called:
            continue
        try:
            if with_kwargs:
                result = hook(module, state["args"], state["kwargs"], state["output"])
            else:
                result = hook(module, state["args"], state["output"])
            _replace_output(state, result)
        except Exception as error:
            warnings.warn("module forward hook with ``always_call=True`` raised an exception that "
                          f"was silenced as another error was raised in forward: {error}", stacklevel=2)


_hook_function = None


def _backward_hook_function():
    """The identity Function whose backward calls back; made at its first use, when autograd is loaded."""
    global _hook_function
    if _hook_function is None:
        class BackwardHookFunction(mt.autograd.Function):
            @staticmethod
            def forward(ctx, callback, *tensors):
                ctx.callback = callback
                ctx.mark_non_differentiable(*[t for t in tensors if not t.requires_grad])
                return tuple(t.view_as(t) for t in tensors)

            @staticmethod
            def backward(ctx, *grads):
                return (None,) + tuple(ctx.callback(grads))

        _hook_function = BackwardHookFunction
    return _hook_function


class BackwardHooks:
    """One call of a module under full backward hooks.

    Its tensor inputs and outputs pass through an identity whose backward sees their gradients:
    the outputs' comes first and is kept; the inputs' then completes the pair the hooks want.
    """

    def __init__(self, module):
        self.module = module
        self.grad_outputs = None
        self.n_inputs = 0
        self.input_index = None

    def watch_inputs(self, args):
        """Pass the tensors among ``args`` through the identity when one of them requires grad."""
        self.n_inputs = len(args)
        index = [i for i, a in enumerate(args) if isinstance(a, Tensor)]
        if not (mt.is_grad_enabled() and any(args[i].requires_grad for i in index)):
            return args
        self.input_index = index
        watched = _backward_hook_function().apply(self._on_input_grads, *[args[i] for i in index])
        args = list(args)
        for i, tensor in zip(index, watched):
            args[i] = tensor
        return tuple(args)

    def watch_outputs(self, output):
        """Pass the output tensor, or the tensors of an output tuple or list, through the identity."""
        single = isinstance(output, Tensor)
        items = [output] if single else list(output) if isinstance(output, (tuple, list)) else None
        if items is None:
            return output
        index = [i for i, a in enumerate(items) if isinstance(a, Tensor)]
        if not (mt.is_grad_enabled() and any(items[i].requires_grad for i in index)):
            return output
        self.output_index, self.n_outputs = index, len(items)
        watched = _backward_hook_function().apply(self._on_output_grads, *[items[i] for i in index])
        for i, tensor in zip(index, watched):
            items[i] = tensor
        if single:
            return items[0]
        if isinstance(output, tuple):
            return type(output)(*items) if hasattr(output, "_fields") else type(output)(items)
        return items

    def _on_output_grads(self, grads):
        full = [None] * self.n_outputs
        for i, grad in zip(self.output_index, grads):
            full[i] = grad
        full = tuple(full)
        for hook in (*global_backward_pre_hooks.values(), *self.module._backward_pre_hooks.values()):
            result = hook(self.module, full)
            if result is not None:
                full = result if isinstance(result, tuple) else (result,)
        self.grad_outputs = full
        if self.input_index is None:
            self._run_hooks((None,) * self.n_inputs)
        return [full[i] for i in self.output_index]

    def _on_input_grads(self, grads):
        full = [None] * self.n_inputs
        for i, grad in zip(self.input_index, grads):
            full[i] = grad
        full = self._run_hooks(tuple(full))
        return [full[i] for i in self.input_index]

    def _run_hooks(self, grad_inputs):
        for hook in (*global_backward_hooks.values(), *self.module._backward_hooks.values()):
            result = hook(self.module, grad_inputs, self.grad_outputs)
            if result is not None:
                if self.input_index is None and any(g is not None for g in (
                        result if isinstance(result, tuple) else (result,))):
                    raise RuntimeError(
                        "Backward hook for Modules where no input requires gradient should always "
                        "return None or None for all gradients.")
                grad_inputs = result if isinstance(result, tuple) else (result,)
        return grad_inputs
