using Registry.Messages;

namespace Registry.Host.Api;

/// <summary>Makes every error answer problem+json: unknown paths, wrong methods, timeouts and bugs too.</summary>
internal static class ProblemMiddleware
{
    public static void UseProblems(this WebApplication application)
    {
        var logger = application.Services.GetRequiredService<ILoggerFactory>().CreateLogger(nameof(ProblemMiddleware));
        application.Use((context, next) => HandleAsync(context, next, logger));
    }

    private static async Task HandleAsync(HttpContext context, RequestDelegate next, ILogger logger)
    {
        try
        {
            await next(context);
        }
        catch (Exception e) when (!context.Response.HasStarted)
        {
            if (context.RequestAborted.IsCancellationRequested)
                return;
            await Explain(e, context, logger).ExecuteAsync(context);
            return;
        }

        if (!context.Response.HasStarted && context.Response.ContentLength is null && Explain(context) is { } problem)
            await problem.ExecuteAsync(context);
    }

    private static Problem Explain(Exception exception, HttpContext context, ILogger logger)
    {
        switch (exception)
        {
            case TimeoutException:
                return Problem.RegistryTimeout();
            case BadHttpRequestException bad:
                return new(bad.StatusCode, ProblemCodes.BadRequest, bad.Message);
            default:
                logger.LogError(exception, "{Method} {Path} failed", context.Request.Method, context.Request.Path);
                return new(StatusCodes.Status500InternalServerError, RefusalCode.InternalError.Text, "The gateway failed to answer this request. Its log says why.");
        }
    }

    private static Problem? Explain(HttpContext context) => context.Response.StatusCode switch
    {
        StatusCodes.Status404NotFound => new(StatusCodes.Status404NotFound, ProblemCodes.NotFound, $"There is nothing at {context.Request.Path}."),
        StatusCodes.Status405MethodNotAllowed => new(StatusCodes.Status405MethodNotAllowed, ProblemCodes.MethodNotAllowed, $"{context.Request.Path} does not take {context.Request.Method}; it takes {context.Response.Headers.Allow}."),
        // Whoever answers 400 without a word is the filter of host names.
        StatusCodes.Status400BadRequest => new(StatusCodes.Status400BadRequest, ProblemCodes.UnknownHost, $"'{context.Request.Host.Host}' is none of this gateway's names. Use one of them, or add it to registry.http.hosts."),
        _ => null,
    };
}
