using Microsoft.AspNetCore.Mvc.ApiExplorer;
using Microsoft.AspNetCore.OpenApi;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.OpenApi;
using Registry.Host.Security;

namespace Registry.Host.Api.Description;

/// <summary><c>GET /openapi/v1.json</c>: the HTTP interface as an OpenAPI 3.1 document, made from the endpoints and their types once, when it is first asked for.</summary>
internal sealed class ApiDocument([FromKeyedServices(ApiDocument.Name)] IOpenApiDocumentProvider provider)
{
    /// <summary>The name of the document, and the version of the interface.</summary>
    public const string Name = "v1";

    private readonly Lazy<Task<TaggedContent>> content = new(async () =>
    {
        var document = await provider.GetOpenApiDocumentAsync();
        return new(System.Text.Encoding.UTF8.GetBytes(await document.SerializeAsJsonAsync(OpenApiSpecVersion.OpenApi3_1)), "application/json; charset=utf-8", "no-cache");
    });

    public Task<TaggedContent> ReadAsync() => content.Value;
}

/// <summary>Puts the document into the gateway.</summary>
internal static class ApiDocuments
{
    public static void AddApiDocument(this IServiceCollection services)
    {
        services.ConfigureHttpJsonOptions(json =>
        {
            // The types of the document are written as the answers are.
            json.SerializerOptions.PropertyNamingPolicy = ApiJson.Options.PropertyNamingPolicy;
            json.SerializerOptions.NumberHandling = ApiJson.Options.NumberHandling;
            json.SerializerOptions.RespectNullableAnnotations = ApiJson.Options.RespectNullableAnnotations;
        });
        services.TryAddEnumerable(ServiceDescriptor.Transient<IApiDescriptionProvider, BodyDescriptions>());
        services.AddOpenApi(ApiDocument.Name, options =>
        {
            options.OpenApiVersion = OpenApiSpecVersion.OpenApi3_1;
            // Choices stand where they are used: two of one name may differ.
            options.CreateSchemaReferenceId = type => (Nullable.GetUnderlyingType(type.Type) ?? type.Type).IsEnum ? null : SchemaShapes.NameOf(OpenApiOptions.CreateDefaultSchemaReferenceId(type));
            options.AddSchemaTransformer(SchemaShapes.ApplyAsync);
            options.AddOperationTransformer(OperationTexts.ApplyAsync);
            options.AddDocumentTransformer(DocumentTexts.ApplyAsync);
        });
        services.AddSingleton<ApiDocument>();
    }

    public static void MapApiDocument(this IEndpointRouteBuilder routes) =>
        routes.MapGet($"/openapi/{ApiDocument.Name}.json", (ApiDocument document) => document.ReadAsync()).ForAnyone().Described(Operations.ReadDocument);
}
