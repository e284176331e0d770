using Microsoft.AspNetCore.Routing.Template;
using Microsoft.Net.Http.Headers;
using Registry.Host.Limits;

namespace Registry.Host.Api;

/// <summary>What holds for the answer to every call, wherever it is mapped.</summary>
internal static class AnswerRules
{
    private static readonly object head = new();

    /// <summary>Says of every answer that it is what its type says.</summary>
    public static void UseAnswerRules(this WebApplication application) => application.Use((context, next) =>
    {
        context.Response.Headers.XContentTypeOptions = "nosniff";
        return next(context);
    });

    /// <summary>Answers HEAD wherever GET is mapped (RFC 9110 §9.3.2). The server itself leaves the body of an answer to HEAD out. Routing begins here.</summary>
    public static void UseHeadRequests(this WebApplication application)
    {
        // Once: a source makes its endpoints anew whenever it is asked.
        var streams = new Lazy<TemplateMatcher[]>(() => [.. application.Services.GetRequiredService<EndpointDataSource>().Endpoints.OfType<RouteEndpoint>()
            .Where(endpoint => endpoint.IsStreaming()).Select(endpoint => new TemplateMatcher(new(endpoint.RoutePattern), []))]);
        application.Use(async (context, next) =>
        {
            if (HttpMethods.IsHead(context.Request.Method))
            {
                context.Request.Method = HttpMethods.Get;
                context.Items[head] = head;
            }

            await next(context);
            if (context.Response is { StatusCode: StatusCodes.Status405MethodNotAllowed, HasStarted: false })
                AllowHead(context, streams.Value);
        });
        application.UseRouting();
        application.Use((context, next) =>
        {
            if (!context.Items.ContainsKey(head))
                return next(context);
            context.Request.Method = HttpMethods.Head;
            // An answer that goes on would keep the asker waiting for its end.
            if (context.GetEndpoint() is not { } endpoint || !endpoint.IsStreaming())
                return next(context);
            context.Response.StatusCode = StatusCodes.Status405MethodNotAllowed;
            context.Response.Headers.Allow = HttpMethods.Get;
            return Task.CompletedTask;
        });
    }

    // Of the methods the router knows those that are mapped.
    private static void AllowHead(HttpContext context, TemplateMatcher[] streams)
    {
        var methods = context.Response.Headers.GetCommaSeparatedValues(HeaderNames.Allow);
        if (methods.Contains(HttpMethods.Get) && !streams.Any(stream => stream.TryMatch(context.Request.Path, [])))
            context.Response.Headers.Allow = string.Join(", ", methods.SelectMany(method => method == HttpMethods.Get ? [method, HttpMethods.Head] : new[] { method }));
    }
}
