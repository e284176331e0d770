using Microsoft.OpenApi;
using Registry.Host.Api.Description;

namespace Registry.Host.Api;

/// <summary>Refuses arguments that a call of the API does not have: a misspelt one would mean all where some are meant, and one that belongs into the body nothing.</summary>
internal static class QueryCheck
{
    /// <summary>Behind the authorization, so that strangers learn nothing.</summary>
    public static void UseQueryCheck(this WebApplication application) => application.Use((context, next) =>
        context.Request.Query.Count > 0 && context.Request.Path.StartsWithSegments("/v1") && context.GetEndpoint()?.Metadata.GetMetadata<OperationDescription>() is { } call && WhyRefused(call, context.Request.Query) is { } problem
            ? problem.ExecuteAsync(context)
            : next(context));

    private static Problem? WhyRefused(OperationDescription call, IQueryCollection query)
    {
        string[] known = [.. call.Arguments.Where(argument => argument.In == ParameterLocation.Query).Select(argument => argument.Name)];
        return query.Keys.FirstOrDefault(given => !known.Contains(given, StringComparer.OrdinalIgnoreCase)) is { } unknown
            ? Problem.InvalidRequest(unknown, $"'{unknown}' is unknown in the query; {(known.Length > 0 ? $"known are {string.Join(", ", known)}" : "this call takes nothing there")}.")
            : null;
    }
}
