using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.Authorization.Policy;
using Microsoft.Net.Http.Headers;
using Registry.Host.Api;

namespace Registry.Host.Security;

/// <summary>Answers those who may not with a problem that says why, and counts those who were wrong about who they are.</summary>
internal sealed class AuthorizationProblems(FailedAttempts failures, ILogger<AuthorizationProblems> log) : IAuthorizationMiddlewareResultHandler
{
    public async Task HandleAsync(RequestDelegate next, HttpContext context, AuthorizationPolicy policy, PolicyAuthorizationResult authorizeResult)
    {
        if (authorizeResult.Succeeded)
            await next(context);
        else
            await (authorizeResult.Forbidden ? Forbidden(context) : await RefuseAsync(context)).ExecuteAsync(context);
    }

    private async Task<Problem> RefuseAsync(HttpContext context)
    {
        switch ((await context.AuthenticateAsync()).Failure)
        {
            case IssuerUnreachableException unreachable:
                return IssuerUnreachable(unreachable);
            case TooManyFailuresException:
                return TooManyFailures();
        }

        if (context.Request.Headers.ContainsKey(HeaderNames.Authorization))
        {
            if (!failures.TryCount(context))
                return TooManyFailures(); // Without a line: somebody else would say how many there are.
            log.LogWarning("{Address} sent a wrong key or token{Then}", context.Connection.RemoteIpAddress,
                failures.IsBlocked(context) ? $", too often: what is wrong gets {ProblemCodes.TooManyFailures} now, until it pauses" : "");
        }

        context.Response.Headers.WWWAuthenticate = "Bearer";
        return Unauthenticated(context);
    }

    private static Problem IssuerUnreachable(IssuerUnreachableException unreachable) => new(StatusCodes.Status503ServiceUnavailable, ProblemCodes.IssuerUnreachable, unreachable.Message)
    {
        Retryable = true,
        RetryAfterMs = (long)IssuerKeys.Pause.TotalMilliseconds,
    };

    private static Problem TooManyFailures() =>
        new(StatusCodes.Status429TooManyRequests, ProblemCodes.TooManyFailures, $"Your address was refused {FailedAttempts.Burst} times for a wrong key or token. Mend it, and try again later.")
        {
            Retryable = true,
            RetryAfterMs = (long)FailedAttempts.Pause.TotalMilliseconds,
        };

    private static Problem Unauthenticated(HttpContext context) => new(StatusCodes.Status401Unauthorized, ProblemCodes.Unauthenticated,
        context.Request.Headers.ContainsKey(HeaderNames.Authorization)
            ? "The key or token is wrong, has expired, or is not for this gateway."
            : "This gateway answers only those it knows: send the header Authorization: Bearer KEY; on the command line give --key-file FILE.");

    private static Problem Forbidden(HttpContext context) => new(StatusCodes.Status403Forbidden, ProblemCodes.Forbidden,
        context.GetEndpoint()?.Metadata.GetMetadata<PermissionMetadata>() is { } needed
            ? $"{context.Request.Method} {context.Request.Path} is for {needed.Who}. Your key or token is not that."
            : $"Your key or token is not for {context.Request.Method} {context.Request.Path}.");
}
