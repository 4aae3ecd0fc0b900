"""The HTTP API of groups, their members, and invitations to them."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_view
from rest_framework.decorators import action
from rest_framework.mixins import ListModelMixin, RetrieveModelMixin
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response

from accounts import groups, invitations, people
from accounts.authentication import caller_in
from accounts.group_models import Group, Invitation, Membership, Role
from accounts.group_serializers import (
    GroupSerializer,
    InvitationSerializer,
    MemberChange,
    MemberSerializer,
    NewInvitation,
    NewMember,
)
from accounts.login_views import UNKEPT
from accounts.permissions import NotByLimitedToken
from rini.web.api_schema import problems
from rini.web.http import validated
from rini.web.routes import Resource

_PERMISSIONS = [IsAuthenticated, NotByLimitedToken]
_TOKEN = OpenApiParameter("token", OpenApiTypes.STR, OpenApiParameter.PATH)


@extend_schema_view(
    list=extend_schema(
        summary="List groups",
        responses={200: GroupSerializer(many=True), **problems(400, 401)},
    ),
    retrieve=extend_schema(
        summary="Show a group", responses={200: GroupSerializer, **problems(401, 404)}
    ),
)
class GroupViewSet(ListModelMixin, RetrieveModelMixin, Resource[Group]):
    """The groups that the caller is in, newest first."""

    tags = ["groups"]
    serializer_class = GroupSerializer
    permission_classes = _PERMISSIONS
    default_limit = 100
    queryset = Group.objects.none()

    def get_queryset(self) -> QuerySet[Group]:
        return groups.seen_by(caller_in(self.request).user)

    @extend_schema(
        summary="Make a group",
        request=GroupSerializer,
        responses={201: GroupSerializer, **problems(400, 401, 403, 409)},
    )
    def create(self, request: Request) -> Response:
        """Make a group, whose owner and only member the caller is."""
        fields = validated(GroupSerializer, request.data)
        group = groups.create(caller_in(request).user, fields)
        return self._shown(group.pk, 201)

    @extend_schema(
        summary="Change a group",
        request=GroupSerializer,
        responses={200: GroupSerializer, **problems(400, 401, 403, 404)},
    )
    def partial_update(self, request: Request, pk: str) -> Response:
        """Change name or description, as an owner or manager."""
        groups.check(caller_in(request).user, UUID(pk), Role.MANAGER)
        fields = validated(GroupSerializer, request.data, partial=True)
        if fields:
            Group.objects.filter(pk=pk).update(**fields)
        return self._shown(UUID(pk), 200)

    @extend_schema(summary="Delete a group", responses={204: None, **problems(401, 403, 404)})
    def destroy(self, request: Request, pk: str) -> Response:
        """Delete a group, as an owner. What its members shared with it stays theirs."""
        groups.delete(caller_in(request).user, UUID(pk))
        return Response(status=204)

    def _shown(self, group_id: UUID, status: int) -> Response:
        return Response(GroupSerializer(self.get_queryset().get(pk=group_id)).data, status)


class MemberViewSet(ListModelMixin, Resource[Membership]):
    """Who is in a group, the oldest member first."""

    tags = ["groups"]
    serializer_class = MemberSerializer
    permission_classes = _PERMISSIONS
    lookup_url_kwarg = "user_id"
    default_limit = 100
    queryset = Membership.objects.none()

    def get_queryset(self) -> QuerySet[Membership]:
        return groups.members(caller_in(self.request).user, UUID(self.kwargs["group_id"]))

    @extend_schema(
        summary="List the members of a group",
        responses={200: MemberSerializer(many=True), **problems(400, 401, 404)},
    )
    def list(self, request: Request, group_id: str) -> Response:
        """Who is in a group and as what, for its members."""
        return super().list(request)

    @extend_schema(
        summary="Add a member to a group",
        request=NewMember,
        responses={201: MemberSerializer, **problems(400, 401, 403, 404, 409)},
    )
    def create(self, request: Request, group_id: str) -> Response:
        """Put an account into a group. Who is to decide about it themselves is invited instead."""
        user = caller_in(request).user
        groups.check(user, UUID(group_id), Role.MANAGER)
        fields = validated(NewMember, request.data)
        member = groups.add(user, UUID(group_id), people.get(fields), fields["role"])
        return Response(MemberSerializer(member).data, 201)

    @extend_schema(
        summary="Change the role of a member",
        request=MemberChange,
        responses={200: MemberSerializer, **problems(400, 401, 403, 404, 409)},
    )
    def partial_update(self, request: Request, group_id: str, user_id: str) -> Response:
        """Give a member another role. A group keeps an owner: 409 `last_owner`."""
        fields = validated(MemberChange, request.data)
        member = groups.set_role(
            caller_in(request).user, UUID(group_id), UUID(user_id), fields["role"]
        )
        return Response(MemberSerializer(member).data)

    @extend_schema(
        summary="Take a member out of a group",
        responses={204: None, **problems(401, 403, 404, 409)},
    )
    def destroy(self, request: Request, group_id: str, user_id: str) -> Response:
        """Take a member out of a group, or leave it: with one's own id. A group keeps an owner: 409
        `last_owner`."""
        groups.remove(caller_in(request).user, UUID(group_id), UUID(user_id))
        return Response(status=204)


class GroupInvitationViewSet(ListModelMixin, Resource[Invitation]):
    """Who has been invited to a group and has not answered yet, the newest first."""

    tags = ["groups"]
    serializer_class = InvitationSerializer
    permission_classes = _PERMISSIONS
    default_limit = 100
    queryset = Invitation.objects.none()

    def get_queryset(self) -> QuerySet[Invitation]:
        return invitations.open_of(caller_in(self.request).user, UUID(self.kwargs["group_id"]))

    @extend_schema(
        summary="List the invitations to a group",
        responses={200: InvitationSerializer(many=True), **problems(400, 401, 403, 404)},
    )
    def list(self, request: Request, group_id: str) -> Response:
        """Open invitations, for owners and managers; without their links."""
        return super().list(request)

    @extend_schema(
        summary="Invite to a group",
        request=NewMember,
        responses={201: NewInvitation, **problems(400, 401, 403, 404, 409)},
    )
    def create(self, request: Request, group_id: str) -> Response:
        """Make a link by which an account, or whoever has an e-mail address, can join. It works for
        nobody else, for `INVITATION_DAYS`; a new one replaces an older one of the same person."""
        user = caller_in(request).user
        groups.check(user, UUID(group_id), Role.MANAGER)
        fields = validated(NewMember, request.data)
        email: str = fields.get("email", "")
        person = None if email else people.get(fields)
        invitation, secret = invitations.invite(
            user, UUID(group_id), fields["role"], person=person, email=email
        )
        shown: dict[str, Any] = dict(InvitationSerializer(invitation).data)
        token = secret.reveal()
        link = request.build_absolute_uri(f"/invitations/{token}")
        return Response({**shown, "token": token, "link": link}, 201, headers=UNKEPT)

    @extend_schema(
        summary="Take an invitation back", responses={204: None, **problems(401, 403, 404)}
    )
    def destroy(self, request: Request, group_id: str, pk: str) -> Response:
        """Have the link of an invitation work no longer."""
        invitations.take_back(caller_in(request).user, UUID(group_id), UUID(pk))
        return Response(status=204)


class InvitationViewSet(ListModelMixin, Resource[Invitation]):
    """The caller's invitations, and the links of them."""

    tags = ["groups"]
    serializer_class = InvitationSerializer
    permission_classes = _PERMISSIONS
    lookup_url_kwarg = "token"
    lookup_value_regex = invitations.PATTERN
    default_limit = 100
    queryset = Invitation.objects.none()

    def get_queryset(self) -> QuerySet[Invitation]:
        return invitations.to(caller_in(self.request).user)

    @extend_schema(
        summary="List one's invitations",
        responses={200: InvitationSerializer(many=True), **problems(400, 401)},
    )
    def list(self, request: Request) -> Response:
        """To which groups the caller has been invited. It takes the link to join."""
        return super().list(request)

    @extend_schema(
        summary="Show an invitation",
        parameters=[_TOKEN],
        responses={200: InvitationSerializer, **problems(401, 404)},
    )
    def retrieve(self, request: Request, token: str) -> Response:
        """What a link invites to, for whom it invites."""
        return Response(InvitationSerializer(invitations.find(caller_in(request).user, token)).data)

    @extend_schema(
        summary="Accept an invitation",
        parameters=[_TOKEN],
        request=None,
        responses={200: GroupSerializer, **problems(401, 403, 404, 409)},
    )
    @action(detail=True, methods=["post"])
    def accept(self, request: Request, token: str) -> Response:
        """Join the group, as whom the link invites."""
        user = caller_in(request).user
        joined = invitations.accept(user, token)
        return Response(GroupSerializer(groups.seen_by(user).get(pk=joined.group_id)).data)

    @extend_schema(
        summary="Decline an invitation",
        parameters=[_TOKEN],
        responses={204: None, **problems(401, 403, 404)},
    )
    def destroy(self, request: Request, token: str) -> Response:
        """Have the link work no longer, as whom it invites."""
        invitations.decline(caller_in(request).user, token)
        return Response(status=204)
