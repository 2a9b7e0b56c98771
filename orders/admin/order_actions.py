"""What an operator does with one order: each on a page of its own that asks why, each written into its history."""

from typing import Any
from uuid import uuid4

from django import forms
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.db.models import F, Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.decorators import action
from unfold.enums import ActionVariant
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget, UnfoldBooleanSwitchWidget

from accounts.staff import short_time
from config.kernel.errors import InvalidInput
from config.kernel.money import format_usd
from orders.admin.shared import FiatField, OptionalReasonForm, ReasonForm, actor_of, operation_page, url_of
from orders.delivering import resend
from orders.fiat import format_fiat
from orders.models import Delivery, Order, Payment, PaymentAttempt, ProviderAccount, Refund
from orders.notes import in_words
from orders.ordering import cancel_order
from orders.payments.accounts import is_usable, opened, provider_of
from orders.payments.by_hand import hand_accounts, receive, verify
from orders.payments.refunding import UNFINISHED, request_refund, submit
from orders.payments.settling import Verdict, accept
from orders.providers.base import RefundSupport
from orders.states import REFUNDABLE

SUCCESS, INFO, WARNING, ERROR = messages.SUCCESS, messages.INFO, messages.WARNING, messages.ERROR
PRIMARY, DANGER = ActionVariant.PRIMARY, ActionVariant.DANGER
_S = Order.Status


class AcceptForm(ReasonForm):
    """Which of the payments in review is honoured."""

    payment = forms.ModelChoiceField(
        label=gettext_lazy("Payment"), queryset=Payment.objects.none(), widget=UnfoldAdminSelectWidget, empty_label=None
    )
    field_order = ("payment", "reason")

    def __init__(self, data: Any, *, payments: "QuerySet[Payment]") -> None:
        super().__init__(data)
        field: Any = self.fields["payment"]
        field.queryset = payments
        field.label_from_instance = payment_words


class RefundForm(ReasonForm):
    """`key` is made with the page: the same page sent twice refunds once."""

    amount = FiatField(label=gettext_lazy("Amount"))
    by_hand = forms.BooleanField(
        label=gettext_lazy("Paid back by hand"),
        required=False,
        widget=UnfoldBooleanSwitchWidget,
        help_text=gettext_lazy("The gateway is not asked: you pay it back yourself."),
    )
    key = forms.UUIDField(widget=forms.HiddenInput)
    field_order = ("amount", "by_hand", "reason", "key")

    def __init__(self, data: Any, *, payment: Payment, support: RefundSupport) -> None:
        left = payment.amount_minor - payment.refunded_minor
        by_hand = support is RefundSupport.NONE
        super().__init__(data, initial={"key": uuid4(), "amount": left, "by_hand": by_hand})
        amount: Any = self.fields["amount"]
        amount.currency = payment.currency
        amount.help_text = _REFUND_HINTS[support]
        if by_hand:
            self.fields["by_hand"].disabled = True
            self.fields["by_hand"].help_text = _("This provider gives nothing back by itself.")


_REFUND_HINTS = {
    RefundSupport.NONE: gettext_lazy("All that is left, or a part of it."),
    RefundSupport.PARTIAL: gettext_lazy("All that is left, or a part of it."),
    RefundSupport.FULL: gettext_lazy("This provider gives back a payment only as a whole."),
}


class ReceiveForm(ReasonForm):
    """Money that somebody has seen on an account of ours."""

    account = forms.ModelChoiceField(
        label=gettext_lazy("Account"),
        queryset=ProviderAccount.objects.none(),
        widget=UnfoldAdminSelectWidget,
        empty_label=None,
    )
    amount = FiatField(label=gettext_lazy("Amount received"))
    reference = forms.CharField(
        label=gettext_lazy("Reference"),
        max_length=100,
        widget=UnfoldAdminTextInputWidget,
        help_text=gettext_lazy("The bank's own, as the statement of the account has it. Each counts once."),
    )
    field_order = ("account", "amount", "reference", "reason")

    def __init__(self, data: Any, *, order: Order, accounts: "QuerySet[ProviderAccount]") -> None:
        super().__init__(data, initial={"amount": order.amount_minor})
        account: Any = self.fields["account"]
        account.queryset = accounts
        amount: Any = self.fields["amount"]
        amount.currency = order.currency
        amount.help_text = _("Another amount than the order's goes to review.")

    def clean_amount(self) -> int:
        amount: int = self.cleaned_data["amount"]
        if amount == 0:
            raise ValidationError(_("Enter an amount other than zero."))
        return amount


def payment_words(payment: Payment) -> str:
    """`¥100.00, Wrong amount, T123`."""
    amount = format_fiat(payment.amount_minor, payment.currency)
    return f"{amount}, {payment.get_state_display()}, {payment.txn_id}"


# ── Which of them an order can have ──────────────────────────────────────────


def refundable_payments(order: Order) -> "QuerySet[Payment]":
    """Payments with something left to give back and no refund under way."""
    left = order.payments.filter(refunded_minor__lt=F("amount_minor"))
    if order.status not in REFUNDABLE:
        left = left.exclude(state=Payment.State.ACCEPTED)
    busy = Refund.objects.filter(order=order, state__in=UNFINISHED).values("payment")
    return left.exclude(pk__in=busy).select_related("account").order_by("pk")


def acceptable_payments(order: Order) -> "QuerySet[Payment]":
    """Payments in review that were not given back."""
    waiting = order.payments.filter(state__in=[Payment.State.MISMATCH, Payment.State.LATE])
    return waiting.filter(refunded_minor__lt=F("amount_minor")).order_by("pk")


def accounts_for_hand(order: Order) -> "QuerySet[ProviderAccount]":
    """Where money for the order can have come past any gateway; any such account while it can still be paid."""
    if order.status == _S.PENDING:
        return hand_accounts().filter(Q(is_enabled=True) | Q(attempts__order=order)).distinct()
    started = PaymentAttempt.objects.filter(order=order).values("account")
    return hand_accounts().filter(pk__in=started)


def possible_actions(order: Order) -> set[str]:
    """The names of what can be done with the order as it stands."""
    found = {
        "accept": order.status == _S.REVIEW and acceptable_payments(order).exists(),
        "refund": refundable_payments(order).exists(),
        "receive": order.amount_minor > 0 and accounts_for_hand(order).exists(),
        "verify_now": order.attempts.exists(),
        "resend": Delivery.objects.filter(order=order).exists(),
        "cancel": order.status == _S.PENDING,
    }
    return {name for name, is_possible in found.items() if is_possible}


# ── The pages ────────────────────────────────────────────────────────────────


class OrderActions:
    """Pages of `OrderAdmin`."""

    def has_operate_permission(self, request: HttpRequest, object_id: str | None = None) -> bool:
        return request.user.has_perm("orders.change_order")

    def has_refund_permission(self, request: HttpRequest, object_id: str | None = None) -> bool:
        return request.user.has_perm("orders.add_refund")

    def has_receive_permission(self, request: HttpRequest, object_id: str | None = None) -> bool:
        return request.user.has_perm("orders.add_payment")

    def get_actions_detail(self, request: HttpRequest, object_id: Any) -> list[Any]:
        """Those alone that change something about this order."""
        offered = super().get_actions_detail(request, object_id)  # type: ignore[misc] # of the admin it is mixed into
        order = Order.objects.filter(pk=object_id).first() if str(object_id).isdecimal() else None
        names = possible_actions(order) if order else set()
        return [one for one in offered if one.action_name.removeprefix("orders_order_") in names]

    @action(description=gettext_lazy("Verify now"), icon="sync", permissions=["operate"])
    def verify_now(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Ask the gateways."""
        order = get_object_or_404(Order, pk=object_id)
        form = OptionalReasonForm(request.POST or None)
        if request.method == "POST" and form.is_valid():
            answers = verify(order, actor_id=actor_of(request).pk, reason=form.cleaned_data["reason"])
            for answer in answers:
                words = f"{answer.attempt.account} ({answer.attempt.number}): {answer.words}"
                self._say(request, words, INFO if answer.is_answered else ERROR)
            if not answers:
                self._say(request, _("None of its providers can be asked."), WARNING)
            return redirect(url_of(order))
        return operation_page(
            self,
            request,
            order,
            form,
            title=_("Verify %(order)s") % {"order": order},
            lead=_(
                "Each provider where the buyer began to pay is asked how the payment stands. What was paid is "
                "credited, what was refunded there is booked. Asking again changes nothing more."
            ),
            submit=_("Ask now"),
        )

    @action(description=gettext_lazy("Accept"), icon="check", variant=PRIMARY, permissions=["operate"])
    def accept(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Honour a payment in review."""
        order = get_object_or_404(Order, pk=object_id)
        form = AcceptForm(request.POST or None, payments=acceptable_payments(order))
        if form.is_valid():
            reason, actor = form.cleaned_data["reason"], actor_of(request)
            if accept(form.cleaned_data["payment"], actor_id=actor.pk, reason=reason):
                self._say(request, _("Accepted: the credit is posted."), SUCCESS)
            else:
                self._say(request, _("This order is not in review any more; nothing changed."), INFO)
            return redirect(url_of(order))
        return operation_page(
            self,
            request,
            order,
            form,
            title=_("Accept %(order)s") % {"order": order},
            lead=_("The buyer receives what was ordered, by the order's own terms, whatever the payment's amount is."),
            submit=_("Accept"),
            facts=[
                *order_facts(order),
                (_("Why in review"), in_words(order.review_reason) or "–"),
            ],
        )

    @action(description=gettext_lazy("Received by hand"), icon="account_balance", permissions=["receive"])
    def receive(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Money that came past any gateway."""
        order = get_object_or_404(Order, pk=object_id)
        form = ReceiveForm(request.POST or None, order=order, accounts=accounts_for_hand(order))
        if form.is_valid() and self._receive(request, order, form):
            return redirect(url_of(order))
        return operation_page(
            self,
            request,
            order,
            form,
            title=_("Money received for %(order)s") % {"order": order},
            lead=_("Say only what you have seen on the account yourself: the buyer is credited at once."),
            submit=_("Mark as received"),
            facts=order_facts(order),
        )

    def _receive(self, request: HttpRequest, order: Order, form: ReceiveForm) -> bool:
        typed = form.cleaned_data
        try:
            verdict = receive(
                order,
                account=typed["account"],
                amount_minor=typed["amount"],
                reference=typed["reference"],
                reason=typed["reason"],
                actor_id=actor_of(request).pk,
            )
        except InvalidInput as error:
            form.add_error("reference", error.message)
            return False
        words, level = {
            Verdict.CREDITED: (_("Received: the credit is posted."), SUCCESS),
            Verdict.REVIEW: (_("Received. The order is in review: accept it or pay the money back."), WARNING),
            Verdict.OVERPAID: (_("Received, but the order was paid before: pay the money back."), WARNING),
            Verdict.DUPLICATE: (_("This was received already; nothing changed."), INFO),
        }[verdict]
        self._say(request, words, level)
        return True

    @action(description=gettext_lazy("Refund"), icon="undo", variant=DANGER, permissions=["refund"])
    def refund(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Give back one payment; `?payment=ID` says which when there are several."""
        order = get_object_or_404(Order, pk=object_id)
        payments = list(refundable_payments(order))
        chosen = request.GET.get("payment")
        payment = next((one for one in payments if str(one.pk) == chosen or not chosen), None)
        if payment is None:
            return self._without_refund(request, order)
        support = refund_support(payment)
        form = RefundForm(request.POST or None, payment=payment, support=support)
        if form.is_valid() and self._refund(request, payment, form):
            return redirect(url_of(order))
        return operation_page(
            self,
            request,
            order,
            form,
            title=_("Refund %(order)s") % {"order": order},
            lead=_refund_lead(payment),
            submit=_("Refund"),
            is_grave=True,
            facts=[
                (_("Paid"), format_fiat(payment.amount_minor, payment.currency)),
                (_("Paid back so far"), format_fiat(payment.refunded_minor, payment.currency)),
                (_("Payment"), payment.txn_id),
            ],
            choices=[
                {"words": payment_words(one), "url": f"?payment={one.pk}", "is_chosen": one == payment}
                for one in payments
                if len(payments) > 1
            ],
        )

    def _without_refund(self, request: HttpRequest, order: Order) -> HttpResponse:
        """The same page sent again after its refund: it was done."""
        self._say(request, _("There is nothing left to give back, or a refund is under way."), INFO)
        return redirect(url_of(order))

    def _refund(self, request: HttpRequest, payment: Payment, form: RefundForm) -> bool:
        typed = form.cleaned_data
        key = f"operator:{payment.pk}:{typed['key']}"
        if Refund.objects.filter(idempotency_key=key).exists():
            self._say(request, _("This refund was made already; nothing changed."), INFO)
            return True
        try:
            refund = request_refund(
                payment=payment,
                amount_minor=typed["amount"],
                reason=typed["reason"],
                actor_id=actor_of(request).pk,
                key=key,
                by_hand=typed["by_hand"],
            )
        except InvalidInput as error:
            form.add_error("amount", error.message)
            return False
        if not refund.is_by_hand:
            submit(refund)
        refund.refresh_from_db()
        self._say(request, *refund_outcome(refund))
        return True

    @action(description=gettext_lazy("Send mail again"), icon="forward_to_inbox", permissions=["operate"])
    def resend(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """The same message, to the same address."""
        order = get_object_or_404(Order, pk=object_id)
        delivery = get_object_or_404(Delivery.objects.select_related("order", "token"), order=order)
        form = ReasonForm(request.POST or None)
        if form.is_valid():
            if resend(delivery, actor_id=actor_of(request).pk, reason=form.cleaned_data["reason"]):
                self._say(request, _("Sent to %(email)s.") % {"email": order.contact_email}, SUCCESS)
            else:
                self._say(request, _("The mail could not be sent. It is tried again by itself."), ERROR)
            return redirect(url_of(order))
        return operation_page(
            self,
            request,
            order,
            form,
            title=_("Send the mail of %(order)s again") % {"order": order},
            lead=_("The same message goes to the order's e-mail address, with the same link."),
            submit=_("Send"),
            facts=delivery_facts(delivery),
        )

    @action(description=gettext_lazy("Cancel"), icon="cancel", permissions=["operate"])
    def cancel(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """End what nobody has paid."""
        order = get_object_or_404(Order, pk=object_id)
        form = ReasonForm(request.POST or None)
        if form.is_valid():
            if cancel_order(order, actor_id=actor_of(request).pk, reason=form.cleaned_data["reason"]):
                self._say(request, _("Cancelled."), SUCCESS)
            else:
                self._say(request, _("This order is not awaiting payment any more; nothing changed."), INFO)
            return redirect(url_of(order))
        return operation_page(
            self,
            request,
            order,
            form,
            title=_("Cancel %(order)s") % {"order": order},
            lead=_("Its coupon becomes free again. Should somebody pay it all the same, it goes to review."),
            submit=_("Cancel the order"),
            is_grave=True,
            facts=order_facts(order),
        )

    def _say(self, request: HttpRequest, words: str, level: int) -> None:
        messages.add_message(request, level, words)


def order_facts(order: Order) -> list[tuple[str, str]]:
    """What the order costs and grants."""
    return [
        (_("Package"), order.package_name),
        (_("Amount"), format_fiat(order.amount_minor, order.currency)),
        (_("Credit"), format_usd(order.credit)),
        (_("Email"), order.contact_email),
    ]


def delivery_facts(delivery: Delivery) -> list[tuple[str, Any]]:
    """Where the message went, and whether its link still shows the key."""
    facts: list[tuple[str, Any]] = [
        (_("Email"), delivery.order.contact_email),
        (_("Last sent"), short_time(delivery.sent_at) if delivery.sent_at else _("Not yet")),
    ]
    if delivery.token_id:
        gone = _("No: it was opened or has run out. The buyer can sign in and see the key there.")
        facts.append((_("Link shows the key"), _("Yes, once") if delivery.key_sealed else gone))
    return facts


def refund_support(payment: Payment) -> RefundSupport:
    """What the payment's account can give back; nothing when it can't be used any more."""
    if not is_usable(payment.account):
        return RefundSupport.NONE
    return provider_of(payment.account).capabilities(opened(payment.account)).refund


def _refund_lead(payment: Payment) -> str:
    if payment.state == Payment.State.ACCEPTED:
        return _(
            "The credit that this part bought is taken back with it; what was spent of it already becomes a debt of "
            "the account."
        )
    return _("No credit was given for this payment, so none is taken back.")


def refund_outcome(refund: Refund) -> tuple[str, int]:
    """What became of it so far, and how good that is."""
    amount = format_fiat(refund.amount_minor, refund.currency)
    match refund.state:
        case Refund.State.SUCCEEDED:
            return _("%(amount)s paid back.") % {"amount": amount}, SUCCESS
        case Refund.State.FAILED:
            return _("The refund failed: %(error)s") % {"error": refund.error}, ERROR
        case Refund.State.PENDING:
            return _("The gateway is paying back %(amount)s; it is asked again until that is done.") % {
                "amount": amount
            }, INFO
        case _:
            return _("The gateway has not answered yet; it is asked again by itself. %(error)s") % {
                "error": refund.error
            }, WARNING
