using System.Security.Claims;
using Microsoft.AspNetCore.Authorization;

namespace Registry.Host.Security;

/// <summary>Who a call is for.</summary>
/// <param name="Who">In words.</param>
/// <param name="WithToken">Whether the tube's token will do.</param>
internal sealed record PermissionMetadata(string Who, bool WithToken);

/// <summary>Who may make a call. Whose tubes it is about is <see cref="CallerRegistry"/>'s question.</summary>
internal static class Permissions
{
    private static readonly AuthorizationPolicy read = ForRoles(Roles.All);
    private static readonly AuthorizationPolicy watch = ForRoles(Roles.Viewer, Roles.Operator);
    private static readonly AuthorizationPolicy create = ForRoles(Roles.Creator, Roles.Operator);
    private static readonly AuthorizationPolicy operate = ForRoles(Roles.Operator);
    private static readonly AuthorizationPolicy signal = ForRolesOrToken(Roles.Creator, Roles.Operator);
    private static readonly AuthorizationPolicy follow = ForRolesOrToken(Roles.All);

    /// <summary>What holds where nothing is said: a call that was forgotten is closed, not open.</summary>
    public static AuthorizationPolicy Fallback => operate;

    /// <summary>Everybody, without saying who they are.</summary>
    public static T ForAnyone<T>(this T endpoint) where T : IEndpointConventionBuilder => endpoint.AllowAnonymous();

    /// <summary>Everybody who has a role.</summary>
    public static T ForReaders<T>(this T endpoint) where T : IEndpointConventionBuilder => endpoint.For(read, "viewers, creators and operators");

    /// <summary>Those who see everything.</summary>
    public static T ForViewers<T>(this T endpoint) where T : IEndpointConventionBuilder => endpoint.For(watch, "viewers and operators");

    /// <summary>Those who make tubes.</summary>
    public static T ForCreators<T>(this T endpoint) where T : IEndpointConventionBuilder => endpoint.For(create, "creators and operators");

    /// <summary>Those who look after the node.</summary>
    public static T ForOperators<T>(this T endpoint) where T : IEndpointConventionBuilder => endpoint.For(operate, "operators");

    /// <summary>Those who make tubes, and whoever has the tube's token.</summary>
    public static T ForSignalling<T>(this T endpoint) where T : IEndpointConventionBuilder => endpoint.For(signal, "creators, operators and the tube's token", withToken: true);

    /// <summary>Everybody who has a role, and whoever has the tube's token.</summary>
    public static T ForFollowers<T>(this T endpoint) where T : IEndpointConventionBuilder => endpoint.For(follow, "viewers, creators, operators and the tube's token", withToken: true);

    private static T For<T>(this T endpoint, AuthorizationPolicy policy, string who, bool withToken = false) where T : IEndpointConventionBuilder =>
        endpoint.RequireAuthorization(policy).WithMetadata(new PermissionMetadata(who, withToken));

    private static AuthorizationPolicy ForRoles(params string[] roles) => new AuthorizationPolicyBuilder().RequireRole(roles).Build();

    private static AuthorizationPolicy ForRolesOrToken(params string[] roles) => new AuthorizationPolicyBuilder()
        .RequireAssertion(context => roles.Any(context.User.IsInRole)
            || context.User.FindFirstValue(Caller.TubeClaim) is { } tube && context.Resource is HttpContext http && http.GetRouteValue("tubeId") as string == tube)
        .Build();
}
