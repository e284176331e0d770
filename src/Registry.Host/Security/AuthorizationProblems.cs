using System.Net;
using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.Authorization.Policy;
using Microsoft.Net.Http.Headers;
using Registry.Host.Api;

namespace Registry.Host.Security;

/// <summary>Answers those who may not with a problem that says why, and counts those who were wrong about who they are.</summary>
internal sealed class AuthorizationProblems(FailedAttempts failures) : IAuthorizationMiddlewareResultHandler
{
    public Task HandleAsync(RequestDelegate next, HttpContext context, AuthorizationPolicy policy, PolicyAuthorizationResult authorizeResult)
    {
        if (authorizeResult.Succeeded)
            return next(context);
        if (authorizeResult.Forbidden)
            return Forbidden(context).ExecuteAsync(context);
        if (context.Request.Headers.ContainsKey(HeaderNames.Authorization))
            failures.Count(AddressOf(context));
        context.Response.Headers.WWWAuthenticate = "Bearer";
        return Unauthenticated(context).ExecuteAsync(context);
    }

    /// <summary>Turns away those who were wrong too often, before they are listened to.</summary>
    public static Task HandleFailuresAsync(HttpContext context, RequestDelegate next, FailedAttempts failures)
    {
        if (!context.Request.Headers.ContainsKey(HeaderNames.Authorization) || !failures.IsBlocked(AddressOf(context)))
            return next(context);
        var problem = new Problem(StatusCodes.Status429TooManyRequests, ProblemCodes.TooManyFailures, $"Your address was refused {FailedAttempts.Burst} times for a wrong key or token. Mend it, and try again later.")
        {
            Retryable = true,
            RetryAfterMs = (long)FailedAttempts.Pause.TotalMilliseconds,
        };
        return problem.ExecuteAsync(context);
    }

    private static Problem Unauthenticated(HttpContext context) => new(StatusCodes.Status401Unauthorized, ProblemCodes.Unauthenticated,
        context.Request.Headers.ContainsKey(HeaderNames.Authorization)
            ? "The key or token is wrong, has expired, or is not for this gateway."
            : "This gateway answers only those it knows: send the header Authorization: Bearer KEY; on the command line give --key-file FILE.");

    private static Problem Forbidden(HttpContext context) => new(StatusCodes.Status403Forbidden, ProblemCodes.Forbidden,
        context.GetEndpoint()?.Metadata.GetMetadata<PermissionMetadata>() is { } needed
            ? $"{context.Request.Method} {context.Request.Path} is for {needed.Who}. Your key or token is not that."
            : $"Your key or token is not for {context.Request.Method} {context.Request.Path}.");

    private static IPAddress AddressOf(HttpContext context) => context.Connection.RemoteIpAddress ?? IPAddress.None;
}
