using Registry.Messages;

namespace Registry.Host.Api;

/// <summary>Turns the registry's replies into results.</summary>
internal static class Replies
{
    public static IResult Translate(RegistryReply reply) => reply switch
    {
        Done => Results.NoContent(),
        DescriptionMade made => Results.Json(DescriptionBody.Of(made), ApiJson.Options),
        Refused refused => Problem.Of(refused),
        _ => throw new InvalidOperationException($"{reply.GetType().Name} is not an answer to this command."),
    };

    /// <summary>Adds where the created resource is found.</summary>
    public static IResult WithLocation(this IResult result, string location) => new LocatedResult(result, location);

    private sealed class LocatedResult(IResult result, string location) : IResult
    {
        public Task ExecuteAsync(HttpContext httpContext)
        {
            httpContext.Response.Headers.Location = location;
            return result.ExecuteAsync(httpContext);
        }
    }
}
